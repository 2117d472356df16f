"""Writes a C++ header that holds a file's bytes: embed.py INPUT OUTPUT NAME."""
import sys

data = open(sys.argv[1], "rb").read()
rows = (data[i:i + 24] for i in range(0, len(data), 24))
with open(sys.argv[2], "w") as out:
    out.write("#pragma once\n\ninline constexpr unsigned char %s[] = {\n" % sys.argv[3])
    out.writelines(",".join(map(str, row)) + ",\n" for row in rows)
    out.write("};\n")
