/* Checks a record of lives again (lives.h): lives_replay FILE. 0: it can have been so; 1: not; 2: not decided, or not read. */
#include "lives.h"

int main(int argc, char **argv)
{
    static struct lives lives;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    bool read = file && lives_read(&lives, file);
    if (file) fclose(file);
    if (!read) {
        fprintf(stderr, "usage: %s FILE, which CPROM_LIVES_RECORD named\n", argv[0]);
        return 2;
    }
    enum lives_verdict verdict = lives_check(&lives);
    static const char *const words[] = {"right", "wrong", "undecided"};
    printf("%s; at most %zu states\n%s%s", words[verdict], lives.most, lives.why, *lives.why ? "\n" : "");
    lives_clear(&lives);
    return (int)verdict;
}
