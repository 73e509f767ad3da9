/* zone_fuzz.c - any file for a time zone: steps follow each other and hold what they were asked for. */
#include <assert.h>

#include "base/zone.h"

static void ask(const struct zone *z, int64_t unix_ms)
{
    char text[ZONE_TEXT_BYTES];

    for (int step = ZONE_MINUTE; step <= ZONE_DAY; step++) {
        struct zone_slot slot = zone_slot_at(z, (enum zone_step)step, unix_ms), next;

        assert(slot.begin_unix_ms < slot.end_unix_ms);
        next = zone_slot_at(z, (enum zone_step)step, slot.end_unix_ms);
        assert(next.end_unix_ms > slot.end_unix_ms);
        if (step != ZONE_DAY) // a date may come again after the clocks went back
            assert(slot.begin_unix_ms <= unix_ms && unix_ms < slot.end_unix_ms &&
                   next.begin_unix_ms == slot.end_unix_ms);
    }
    zone_format(z, unix_ms, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    struct zone z = {.times = NULL};

    if (zone_parse(&z, bytes) || zone_parse_fixed(&z, bytes) || zone_rule_parse(&z.rule, bytes)) {
        for (int64_t year = 1960; year < 2200; year += 7)
            ask(&z, civil_to_days(year, (int)(year % 12) + 1, 28) * 86400000 + year * 1000);
    }
    (void)zone_is_name(bytes);
    return 0;
}
