/* Reads options structs of older and newer headers. */
#include "base/opts.h"

#include <string.h>

bool cprom__opts_read(void *out, size_t known, const void *opts)
{
    size_t size;
    memcpy(&size, opts, sizeof size);
    if (size < sizeof size) return false;
    for (size_t i = known; i < size; i++) {
        if (((const char *)opts)[i]) return false;
    }
    memset(out, 0, known);
    memcpy(out, opts, size < known ? size : known);
    memcpy(out, &known, sizeof known);
    return true;
}
