// Big tables that take memory where they are used.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

namespace causeway::turn {

/// `size` elements, all bytes 0. The kernel gives memory to a page of it when something is written
/// there; address space is set aside at construction. Throws std::bad_alloc when there is none.
template <typename T>
class ZeroedArray {
 public:
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  explicit ZeroedArray(size_t size)
      : elements_(static_cast<T*>(std::calloc(size, sizeof(T)))), size_(size) {
    if (elements_ == nullptr && size != 0) throw std::bad_alloc();
  }
  ~ZeroedArray() { std::free(elements_); }
  ZeroedArray(const ZeroedArray&) = delete;
  ZeroedArray& operator=(const ZeroedArray&) = delete;

  T& operator[](size_t index) { return elements_[index]; }
  const T& operator[](size_t index) const { return elements_[index]; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }

 private:
  T* elements_;
  size_t size_;
};

}  // namespace causeway::turn
