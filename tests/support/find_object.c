/*
 * For a C library that is not glibc, and a libgcc that is made for that: so that programs of tests can unwind there, too,
 * they bring what that libgcc asks glibc, where the tables of an address are.
 */
#include <link.h>
#include <stdint.h>
#include <stdio.h> /* __GLIBC__ */

#ifndef __GLIBC__
/* As glibc has it, where a processor needs no more. */
struct found {
    unsigned long long flags;
    void *begin, *end, *link_map, *tables;
};

int _dl_find_object(void *address, struct found *found);

struct search {
    uintptr_t address;
    struct found *found;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    const ElfW(Phdr) *tables = NULL;
    uintptr_t begin = 0, end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_GNU_EH_FRAME) tables = part;
        if (part->p_type != PT_LOAD || search->address < at || search->address - at >= part->p_memsz) continue;
        begin = at;
        end = at + part->p_memsz;
    }
    if (!tables || begin == end) return 0;
    *search->found = (struct found){
        .begin = (void *)begin, .end = (void *)end, .tables = (void *)(uintptr_t)(info->dlpi_addr + tables->p_vaddr)};
    return 1;
}

int _dl_find_object(void *address, struct found *found)
{
    struct search search = {(uintptr_t)address, found};
    return dl_iterate_phdr(look, &search) ? 0 : -1;
}
#else
typedef int find_object_unused; /* a translation unit must not be empty */
#endif
