/* node_timex_*: how the kernel keeps the clock right, from adjtimex(2). */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>

#define TIMEX(type, name, help) DESC(type, "node_timex_" name, help)
#define GAUGE(name, help) TIMEX(CPROM_GAUGE, name, help)
#define COUNTER(name, help) TIMEX(CPROM_COUNTER, name "_total", help)

enum {
    OFFSET,
    FREQUENCY,
    MAXERROR,
    ESTIMATED_ERROR,
    STATUS,
    CONSTANT,
    TICK,
    PPS_FREQUENCY,
    PPS_JITTER,
    PPS_SHIFT,
    PPS_STABILITY,
    PPS_JITTER_COUNT,
    PPS_CALIBRATIONS,
    PPS_ERRORS,
    PPS_STABILITY_EXCEEDED,
    TAI,
    SYNC
};
static const cprom_desc descs[] = {
    [OFFSET] = GAUGE("offset_seconds", "Time offset in between local system and reference clock."),
    [FREQUENCY] = GAUGE("frequency_adjustment_ratio", "Local clock frequency adjustment."),
    [MAXERROR] = GAUGE("maxerror_seconds", "Maximum error in seconds."),
    [ESTIMATED_ERROR] = GAUGE("estimated_error_seconds", "Estimated error in seconds."),
    [STATUS] = GAUGE("status", "Value of the status array bits."),
    [CONSTANT] = GAUGE("loop_time_constant", "Phase-locked loop time constant."),
    [TICK] = GAUGE("tick_seconds", "Seconds between clock ticks."),
    [PPS_FREQUENCY] = GAUGE("pps_frequency_hertz", "Pulse per second frequency."),
    [PPS_JITTER] = GAUGE("pps_jitter_seconds", "Pulse per second jitter."),
    [PPS_SHIFT] = GAUGE("pps_shift_seconds", "Pulse per second interval duration."),
    [PPS_STABILITY] = GAUGE("pps_stability_hertz", "Pulse per second stability, average of recent frequency changes."),
    [PPS_JITTER_COUNT] = COUNTER("pps_jitter", "Pulse per second count of jitter limit exceeded events."),
    [PPS_CALIBRATIONS] = COUNTER("pps_calibration", "Pulse per second count of calibration intervals."),
    [PPS_ERRORS] = COUNTER("pps_error", "Pulse per second count of calibration errors."),
    [PPS_STABILITY_EXCEEDED] =
        COUNTER("pps_stability_exceeded", "Pulse per second count of stability limit exceeded events."),
    [TAI] = GAUGE("tai_offset_seconds", "International Atomic Time (TAI) offset."),
    [SYNC] = GAUGE("sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
};

/* Frequencies are in parts of a million, with 16 bits of fraction. */
#define PPM16 (1000000.0 * 65536.0)

static void timex_collect(struct scrape *scrape)
{
    struct timex timex = {.modes = 0};
    int state = adjtimex(&timex);
    if (state < 0) {
        /* Sandboxes forbid it, since it can set the clock. */
        scrape->absent = errno == EPERM || errno == ENOSYS;
        fail(scrape, "adjtimex: %s", strerror(errno));
        return;
    }
    double fine = timex.status & STA_NANO ? 1e9 : 1e6;
    const double values[] = {
        [OFFSET] = (double)timex.offset / fine,
        [FREQUENCY] = 1 + (double)timex.freq / PPM16,
        [MAXERROR] = (double)timex.maxerror / 1e6,
        [ESTIMATED_ERROR] = (double)timex.esterror / 1e6,
        [STATUS] = timex.status,
        [CONSTANT] = (double)timex.constant,
        [TICK] = (double)timex.tick / 1e6,
        [PPS_FREQUENCY] = (double)timex.ppsfreq / PPM16,
        [PPS_JITTER] = (double)timex.jitter / fine,
        [PPS_SHIFT] = timex.shift,
        [PPS_STABILITY] = (double)timex.stabil / PPM16,
        [PPS_JITTER_COUNT] = (double)timex.jitcnt,
        [PPS_CALIBRATIONS] = (double)timex.calcnt,
        [PPS_ERRORS] = (double)timex.errcnt,
        [PPS_STABILITY_EXCEEDED] = (double)timex.stbcnt,
        [TAI] = timex.tai,
        [SYNC] = state != TIME_ERROR,
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) show(scrape, &descs[i], CPROM_NO_STRS, values[i]);
}

const struct collector timex_collector = {"timex", descs, COUNT_OF(descs), NULL, timex_collect, NULL};
