/*
 * The main function of a program of tests. Each test_<group>.c has a function group_<group>(void), which runs its cmocka
 * group. Without arguments all groups run, else those that are named.
 */
#include <stdio.h>
#include <string.h>

/* CPROM_GROUPS comes from CMake: GROUP(a) GROUP(b) … */
#define GROUP(name) int group_##name(void);
CPROM_GROUPS
#undef GROUP

static const struct group {
    const char *name;
    int (*run)(void); /* returns 0 if no test failed */
} groups[] = {
#define GROUP(name) {#name, group_##name},
    CPROM_GROUPS
#undef GROUP
};

#define END (groups + sizeof groups / sizeof *groups)

static const struct group *find(const char *name)
{
    for (const struct group *group = groups; group < END; group++) {
        if (strcmp(group->name, name) == 0) return group;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct group *group = groups; group < END; group++) puts(group->name);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (find(argv[i])) continue;
        fprintf(stderr, "%s: no group %s; --list shows all\n", argv[0], argv[i]);
        return 2;
    }
    for (int i = 1; i < argc; i++) failed |= find(argv[i])->run();
    for (const struct group *group = groups; argc == 1 && group < END; group++) failed |= group->run();
    return failed ? 1 : 0;
}
