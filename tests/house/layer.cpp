// Compiled twice for each pair of layers: from the lower one this must not be found.
#include WEIR_HEADER
