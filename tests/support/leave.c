#include "leave.h"

#include <setjmp.h>
#include <unwind.h>

#include "throw.h"

struct leaving {
    enum ct_way way;
    void (*body)(void *ctx);
    void (*after)(void *ctx);
    void *ctx;
    bool came_back;
    jmp_buf back;
    struct _Unwind_Exception unwound;
    uintptr_t until; /* the address of a frame that is not left */
};

static _Thread_local struct leaving *leaving_now;

bool ct_can_leave(enum ct_way way)
{
    switch (way) {
    case CT_BY_EXCEPTION:
#ifdef CT_CXX
        return true;
#else
        return false;
#endif
    case CT_BY_EXIT:
#ifdef __GLIBC__
        return true;
#else
        return false;
#endif
    case CT_BY_UNWINDING: break;
    }
    return true;
}

/* Asked before each frame is left. */
static _Unwind_Reason_Code leave_stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                      struct _Unwind_Exception *unwound, struct _Unwind_Context *context, void *arg)
{
    struct leaving *leaving = arg;
    if ((uintptr_t)_Unwind_GetCFA(context) < leaving->until && !(actions & _UA_END_OF_STACK)) return _URC_NO_REASON;
    longjmp(leaving->back, 1);
}

_Noreturn void ct_leave(void)
{
    struct leaving *leaving = leaving_now;
    switch (leaving->way) {
    case CT_BY_EXCEPTION:
#ifdef CT_CXX
        ct_throw();
#endif
        break;
    case CT_BY_EXIT: pthread_exit(NULL);
    case CT_BY_UNWINDING: _Unwind_ForcedUnwind(&leaving->unwound, leave_stop, leaving); break;
    }
    fprintf(stderr, "ct_leave: it could not be left\n");
    abort();
}

/* So that its frame is one of the body's callers. */
static __attribute__((noinline)) void leave_run(struct leaving *leaving)
{
    switch (leaving->way) {
    case CT_BY_EXCEPTION:
#ifdef CT_CXX
        leaving->came_back = !ct_catch(leaving->body, leaving->ctx);
#endif
        return;
    case CT_BY_UNWINDING:
        leaving->until = (uintptr_t)__builtin_frame_address(0);
        if (setjmp(leaving->back)) return;
        break;
    case CT_BY_EXIT: break;
    }
    leaving->body(leaving->ctx);
    leaving->came_back = true;
}

static void *leave_thread(void *arg)
{
    struct leaving *leaving = arg;
    leaving_now = leaving;
    leave_run(leaving);
    if (leaving->after) leaving->after(leaving->ctx);
    return leaving;
}

bool ct_left(enum ct_way way, void (*body)(void *ctx), void (*after)(void *ctx), void *ctx)
{
    struct leaving leaving = {.way = way, .body = body, .after = after, .ctx = ctx};
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, leave_thread, &leaving), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return !leaving.came_back && (result == NULL) == (way == CT_BY_EXIT);
}
