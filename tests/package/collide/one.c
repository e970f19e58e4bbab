#define _POSIX_C_SOURCE 200809L
#include <cprom/cprom.h>
#include <stdint.h>

#include "common.h"

#define LIMIT 10 /* find, at: words in comments */
#define TWICE(value) (find(value) + \
                      find(value))

enum { FIRST, SECOND, LAST = LIMIT };
enum colour { RED = 1, GREEN };
typedef int (*hook)(int value);
typedef struct node node;
struct node {
    int find, at[SECOND + 1], *table;
    unsigned bits : LIMIT, flag : 1;
    int (*hook)(int value);
    struct {
        enum { INNER = 4 } kind;
        hook function;
    } inner;
    node *next;
};

static int table[] = {1, 2, 3}, many = 0;
static const char *const names[LIMIT] = {"find", "at"};
static int (*pointer)(int value);

static int find(int value);

static __attribute__((noinline)) int at(int value) { return value + table[FIRST] + (names[0][0] == 'f'); }

static int find(int value)
{
    struct node here = {.find = value, .at = {0, 1}, .table = table, .hook = at, .inner = {INNER, at}};
    node *node = &here;
    size_t offset = offsetof(struct node, at);
    int at = node->find + node->at[SECOND] + (offset >= sizeof(int) ? 0 : 1000);
    if (at < 0) goto refuse;
    many++;
    return at + here.inner.function(0) + node->hook(0);
refuse:
    return GREEN;
}

int cprom__add(const struct cprom__pair *pair) { return pair->find + pair->at(0) + pair->LIMIT_OF; }

int cprom_one(int value)
{
    enum colour colour = RED;
    struct cprom__pair pair = {.find = value, .at = at, .LIMIT_OF = LAST};
    pointer = find;
    return TWICE(value) + pointer(value) + cprom__add(&pair) + (int)colour + many;
}
