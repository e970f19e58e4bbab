/*
 * Which names are taken on a page, so that text from several sources can be put on it side by side: a family has one
 * type and one help, and no sample may have the name of another family's. The rules are the library's. One thread at a
 * time.
 */
#ifndef EXPORTERS_COMMON_CLAIMS_H
#define EXPORTERS_COMMON_CLAIMS_H

#include "text_page.h"

struct claims;

/* NULL: no memory. */
struct claims *claims_new(void);
void claims_free(struct claims *claims);

/*
 * Takes the families of `page` in the place of those of `old` (NULL: none), which was taken before. Families that
 * others have as well get their help, and where samples look the same, their type. A family whose name is another's is
 * left out of the page, and noted there; a counter becomes untyped, if that helps. With `own`, others may not have the
 * families at all, and none is left out. false: nothing changed (but that families are left out), and *error says what
 * is wrong, with the line of `page`: no memory, or a name of an own one is taken.
 */
bool claims_replace(struct claims *claims, const struct text_page *old, struct text_page *page, bool own,
                    struct text_error *error);
/* Whether the family has all its names already, with this type and help. */
bool claims_has(struct claims *claims, const struct text_family *family);
/* Gives them back. */
void claims_remove(struct claims *claims, const struct text_page *page);

#endif
