#include "flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct flag *find(const struct flag *const *tables, const char *name, size_t len)
{
    for (; *tables; tables++) {
        for (const struct flag *flag = *tables; flag->name; flag++) {
            if (flag->kind == FLAG_UNKNOWN || strlen(flag->name) != len) continue;
            if (memcmp(flag->name, name, len) == 0) return flag;
        }
    }
    return NULL;
}

/* Why a flag that begins so is none; NULL: nobody says. */
static const char *find_reason(const struct flag *const *tables, const char *name)
{
    for (; *tables; tables++) {
        for (const struct flag *flag = *tables; flag->name; flag++) {
            if (flag->kind == FLAG_UNKNOWN && strncmp(name, flag->name, strlen(flag->name)) == 0) return flag->help;
        }
    }
    return NULL;
}

static double max_of(const struct flag *flag) { return flag->max ? (double)flag->max : 1e9; }

static bool set_count(const struct flag *flag, const char *text)
{
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 18) return false;
    unsigned long long count = strtoull(text, &end, 10);
    if (*end || count < flag->min || (double)count > max_of(flag)) return false;
    *(size_t *)flag->value = (size_t)count;
    return true;
}

static bool set_seconds(const struct flag *flag, const char *text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    double seconds = 0;
    const char *at = text;
    do {
        size_t len = strspn(at, "0123456789."), letters = strspn(at + len, "hms"), i = 0;
        char number[32], *end;
        if (!len || len >= sizeof number) return false;
        memcpy(number, at, len);
        number[len] = '\0';
        double amount = strtod(number, &end);
        if (*end || end == number) return false;
        if (!letters && (at != text || at[len])) return false; /* a bare number stands alone */
        while (letters && i < 4 && (strlen(units[i].name) != letters || memcmp(units[i].name, at + len, letters) != 0))
            i++;
        if (i == 4) return false;
        seconds += amount * (letters ? units[i].seconds : 1);
        at += len + letters;
    } while (*at);
    if (seconds < (double)flag->min || seconds > max_of(flag)) return false;
    *(double *)flag->value = seconds;
    return true;
}

static bool set_bool(const struct flag *flag, const char *text)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) return false;
    *(bool *)flag->value = yes;
    return true;
}

static bool set(const struct flag *flag, const char *text)
{
    switch (flag->kind) {
    case FLAG_BOOL:
    case FLAG_SWITCH: return set_bool(flag, text);
    case FLAG_STRING: *(const char **)flag->value = text; return true;
    case FLAG_COUNT: return set_count(flag, text);
    case FLAG_SECONDS: return set_seconds(flag, text);
    case FLAG_FUNC: return flag->set(flag->value, text);
    case FLAG_ABSENT:
    case FLAG_UNKNOWN: break;
    }
    return false;
}

/* What a count or a time must be. */
static void say_wrong(const struct flag *flag, const char *text, char *why, size_t cap)
{
    int n = snprintf(why, cap, "flag --%s cannot be \"%s\"", flag->name, text);
    if (n < 0 || (size_t)n >= cap || (flag->kind != FLAG_COUNT && flag->kind != FLAG_SECONDS)) return;
    snprintf(why + n, cap - (size_t)n, ": it is %s%s of %zu to %.0f",
             flag->kind == FLAG_COUNT ? "a whole number" : "a time",
             flag->kind == FLAG_COUNT ? "" : " like 5s or 1m30s", flag->min, max_of(flag));
}

int flags_parse(const struct flag *const *tables, int argc, char **argv, char *why, size_t cap)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *name = argv[i] + 1 + (argv[i][1] == '-');
        if (!*name) return i + 1;
        size_t len = strcspn(name, "=");
        const char *text = name[len] ? name + len + 1 : NULL;
        const struct flag *flag = find(tables, name, len);
        bool no = false;
        if (!flag && len > 3 && memcmp(name, "no-", 3) == 0) {
            flag = find(tables, name + 3, len - 3);
            no = true;
        }
        bool can_be_off = flag && (flag->kind == FLAG_BOOL || flag->kind == FLAG_ABSENT);
        if (!flag || (no && (!can_be_off || text))) {
            const char *reason = flag ? NULL : find_reason(tables, no ? name + 3 : name);
            snprintf(why, cap, "unknown flag %s%s%s", argv[i], reason ? ": " : "", reason ? reason : "");
            return -1;
        }
        if (flag->kind == FLAG_ABSENT) {
            bool off = no || (text && (strcmp(text, "false") == 0 || strcmp(text, "0") == 0));
            if (off) continue;
            snprintf(why, cap, "--%s: %s", flag->name, flag->help);
            return -1;
        }
        if (flag->kind == FLAG_BOOL || flag->kind == FLAG_SWITCH) {
            if (!text) text = no ? "false" : "true";
        } else if (!text) {
            if (i + 1 == argc) {
                snprintf(why, cap, "flag --%s wants a value", flag->name);
                return -1;
            }
            text = argv[++i];
        }
        if (!set(flag, text)) {
            say_wrong(flag, text, why, cap);
            return -1;
        }
    }
    return i;
}

static void print_default(const struct flag *flag)
{
    switch (flag->kind) {
    case FLAG_BOOL: printf(" (default: %s)", *(bool *)flag->value ? "on" : "off"); break;
    case FLAG_STRING:
        if (*(const char **)flag->value && **(const char **)flag->value) {
            printf(" (default: %s)", *(const char **)flag->value);
        }
        break;
    case FLAG_COUNT: printf(" (default: %zu)", *(size_t *)flag->value); break;
    case FLAG_SECONDS: printf(" (default: %gs)", *(double *)flag->value); break;
    case FLAG_SWITCH:
    case FLAG_FUNC:
    case FLAG_ABSENT:
    case FLAG_UNKNOWN: break;
    }
}

void flags_print(const struct flag *const *tables)
{
    for (; *tables; tables++) {
        for (const struct flag *flag = *tables; flag->name; flag++) {
            if (flag->kind == FLAG_ABSENT || flag->kind == FLAG_UNKNOWN) continue;
            printf("  --%s%s", flag->kind == FLAG_BOOL ? "[no-]" : "", flag->name);
            if (flag->arg) printf("=%s", flag->arg);
            fputs("\n        ", stdout);
            for (const char *at = flag->help; *at; at++) {
                putchar(*at);
                if (*at == '\n') fputs("        ", stdout);
            }
            print_default(flag);
            putchar('\n');
        }
    }
}
