#include <cprom/cprom.h>
#include <stdio.h>

int main(void)
{
    printf("%d %d\n", cprom_one(1), cprom_two(1));
    return 0;
}
