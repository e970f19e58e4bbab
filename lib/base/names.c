/* What names and label values may be, and how values are escaped. */
#include "base/names.h"

#include <string.h>

#include "base/hash.h"

static bool names_is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool names_is_digit(char c) { return c >= '0' && c <= '9'; }

bool cprom__is_metric_name(const char *name)
{
    if (!names_is_letter(*name) && *name != ':') return false;
    while (names_is_letter(*name) || names_is_digit(*name) || *name == ':') name++;
    return !*name;
}

bool cprom__is_label_name(const char *name)
{
    if (!names_is_letter(*name) || (name[0] == '_' && name[1] == '_')) return false;
    while (names_is_letter(*name) || names_is_digit(*name)) name++;
    return !*name;
}

bool cprom__same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

bool cprom__has_prefix(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

bool cprom__has_suffix(const char *name, size_t name_len, const char *suffix)
{
    size_t len = strlen(suffix);
    return name_len >= len && memcmp(name + name_len - len, suffix, len) == 0;
}

/*
 * Not 0: a byte is not ASCII, or one that is escaped. For ASCII, a byte of x - 1 has its high bit set exactly where
 * that of x is 0 (Warren, Hacker's Delight, 6-1). Beyond ASCII it is set too, but for one byte in each of the three. A
 * borrow comes only from where something was found.
 */
static inline uint64_t names_special_bytes(uint64_t bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    return (((bytes ^ each * '"') - each) | ((bytes ^ each * '\\') - each) | ((bytes ^ each * '\n') - each)) & each
                                                                                                                   << 7;
}

bool cprom__is_plain(const char *value, size_t len)
{
    if (len >= 8) {
        /* The last eight overlap with those before. */
        uint64_t special = names_special_bytes(cprom__read64(value + len - 8));
        for (size_t i = 0; i < len - 8; i += 8) special |= names_special_bytes(cprom__read64(value + i));
        return !special;
    }
    uint64_t bytes = 0;
    if (len >= 4) bytes = cprom__read32(value) << 32 | cprom__read32(value + len - 4);
    else
        for (size_t i = 0; i < len; i++) bytes = bytes << 8 | (unsigned char)value[i];
    return !names_special_bytes(bytes);
}

size_t cprom__escaped_len(const char *value, size_t len)
{
    size_t escaped = len;
    for (size_t i = 0; i < len; i++) {
        escaped += value[i] == '\\' || value[i] == '\n' || value[i] == '"';
    }
    return escaped;
}

char *cprom__escape(char *out, const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = value[i];
        if (c == '\n') {
            *out++ = '\\';
            *out++ = 'n';
            continue;
        }
        if (c == '\\' || c == '"') *out++ = '\\';
        *out++ = c;
    }
    return out;
}
