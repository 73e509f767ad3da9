/* wait.h - how long threads wait goes by the monotonic clock. */
#ifndef STORE_WAIT_H
#define STORE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** A condition whose pthread_cond_timedwait() takes what wait_until() answers. */
void wait_init(pthread_cond_t *condition);

/** In so many milliseconds on that clock; for sem_clockwait(), too. */
struct timespec wait_until(int64_t ms);

#endif
