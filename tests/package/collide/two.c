#define _POSIX_C_SOURCE 200809L
#include <cprom/cprom.h>
#if defined(__linux__)
#include <sys/types.h>
#endif

#include "common.h"

#define LIMIT 20
#define TWICE(value) (2 * (value))

enum colour { RED = 100, BLUE };
struct node { double find; };
typedef char hook;

static const int table = 5;
static double find(struct node node) { return node.find; }
static int at(int value) { return value + table + LIMIT; }

int cprom_two(int value)
{
    hook small = 1;
    struct node node = {.find = value};
    struct cprom__pair pair = {.find = (int)find(node), .at = at, .LIMIT_OF = TWICE(value)};
    return cprom__add(&pair) + small + BLUE + (RED - 100);
}
