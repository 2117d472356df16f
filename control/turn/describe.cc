#include "control/turn/allocation_table.h"

namespace causeway::turn {

AllocationInfo AllocationTable::Describe(uint32_t allocation) const {
  const AllocationRecord& record = records_[allocation];
  AllocationInfo info;
  info.serial = record.serial;
  info.grant = auth::GrantRef(record.grant);
  info.client = record.tuple.client;
  info.server = node_.ServerOf(record.tuple);
  info.transport = record.tuple.transport;
  if (record.relay_v4.IsSet()) info.relayed_v4 = ports_.EndpointOf(record.relay_v4);
  if (record.relay_v6.IsSet()) info.relayed_v6 = ports_.EndpointOf(record.relay_v6);
  info.created = record.created;
  info.expiry = LastExpiry(record);
  info.limits = record.limits;
  info.modality = record.modality;
  info.meter = dataplane_.ReadMeter(OwnerOf(allocation), records_.SlotOf(allocation));
  peers_.Describe(allocation, info.permissions, info.channels);
  return info;
}

}  // namespace causeway::turn
