/* node_uname_info: what uname(2) says. */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

enum {
    DESC_INFO
};
static const cprom_desc descs[] = {
    [DESC_INFO] =
        DESC_LABELS(CPROM_GAUGE, "node_uname_info", "Labeled system information as provided by the uname system call.",
                    "sysname", "release", "version", "machine", "nodename", "domainname"),
};

static void uname_collect(struct scrape *scrape)
{
    struct utsname name;
    if (uname(&name) != 0) {
        fail(scrape, "uname: %s", strerror(errno));
        return;
    }
    char node[3 * sizeof name.nodename], domain[3 * sizeof name.domainname];
    utf8_copy(node, sizeof node, name.nodename);
    utf8_copy(domain, sizeof domain, name.domainname);
    show(scrape, &descs[DESC_INFO], CPROM_STRS(name.sysname, name.release, name.version, name.machine, node, domain),
         1);
}

const struct collector uname_collector = {"uname", descs, COUNT_OF(descs), NULL, uname_collect, NULL};
