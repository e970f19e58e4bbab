#include "throw.h"

#include <stdexcept>

namespace {
struct left : std::runtime_error {
    left() : std::runtime_error("a callback threw") {}
};
} // namespace

void ct_throw() { throw left(); }

bool ct_catch(void (*body)(void *ctx), void *ctx)
{
    try {
        body(ctx);
    } catch (const left &) {
        return true;
    }
    return false;
}
