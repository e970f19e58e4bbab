/* A library made of collisions, for single_file.py: see single_file.sh. */
#ifndef CPROM_CPROM_H
#define CPROM_CPROM_H
int cprom_one(int value);
int cprom_two(int value);
#endif
