/* measure_places.h - where in requests media and limits stand.  For chat/measure.c. */
#ifndef CHAT_MEASURE_PLACES_H
#define CHAT_MEASURE_PLACES_H

#include <stddef.h>

#include "base/slice.h"
#include "chat/dialect.h"

/* The dearer, for its size, the later. */
enum medium { MEDIUM_PICTURE, MEDIUM_RECORDING, MEDIUM_FILE, MEDIUM_TEXT };

/* What the value of a key is to measuring.  All that has no rule is text. */
enum measure_act {
    MEASURE_INTO,   // an object, or several in an array, of the place `arg`
    MEASURE_OUTPUT, // a bound on output; `arg` numbers the keys for it
    MEASURE_CHOICES,
    MEASURE_MEDIUM, // base64 or a data: URL of a medium, or its URL
    MEASURE_NAMED,  // names a medium
    MEASURE_DATA,   // base64, of what is said beside it:
    MEASURE_TYPE,   // where it is not "base64" the data is none
    MEASURE_MIME,
};

struct measure_rule {
    struct slice key; // empty: any
    enum measure_act act;
    int arg; // a place, a medium, a number
};

enum measure_place_kind {
    MEASURE_PLAIN,
    MEASURE_URL,          // a string may stand for the object
    MEASURE_SOURCE,       // the object is one medium
    MEASURE_TYPED_SOURCE, // the same, and where it has a type that must be "base64"
};

struct measure_place {
    const struct measure_rule *rules; // [count]
    size_t count;
    enum measure_place_kind kind;
    enum medium medium; // unless something in it says another
};

/** An object of the place that `number` says. */
const struct measure_place *measure_place(int number);

/** The body of a request; a number for measure_place(). */
int measure_top(enum dialect d, enum operation op);

#endif
