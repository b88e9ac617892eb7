# Becomes a ClickHouse server: the shared library in argv[1] holds all of it, the rest are the server's arguments.
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
arguments = [argument.encode() for argument in sys.argv[2:]]
argv = (ctypes.c_char_p * (len(arguments) + 1))(*arguments, None)
sys.exit(library._Z25mainEntryClickHouseServeriPPc(len(arguments), argv))
