// Compiled by weir_try_header, with one header in reach and, from a lower layer, out of it.
#include WEIR_HEADER
