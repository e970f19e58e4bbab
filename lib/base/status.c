/* The name of each status. */
#include <cprom/cprom.h>

const char *cprom_status_string(cprom_status status)
{
    switch (status) {
    case CPROM_OK: return "ok";
    case CPROM_ENOMEM: return "out of memory";
    case CPROM_EINVAL: return "invalid argument";
    case CPROM_ENAME: return "bad metric name";
    case CPROM_ELABELS: return "bad labels";
    case CPROM_EUTF8: return "not UTF-8 or too long";
    case CPROM_EEXIST: return "exists already";
    case CPROM_ECONFLICT: return "collides with another family";
    case CPROM_ENOENT: return "no such thing";
    case CPROM_ELIMIT: return "limit reached";
    case CPROM_ESTALE: return "stale";
    case CPROM_EPARTIAL: return "part was refused";
    case CPROM_EBUSY: return "busy";
    case CPROM_ESYS: return "system error";
    }
    return "unknown status";
}

const char *cprom_version(void) { return CPROM_VERSION; }
