/* test_dns.h - a name server for the tests: one thread, one UDP socket, a table of names. */
#ifndef LOOP_TEST_DNS_H
#define LOOP_TEST_DNS_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct test_name {
    const char *name;         // "*.x": whatever ends in ".x"
    const char *addresses[4]; // v4 or v6; none: there is no such name
    unsigned ttl;
    bool silent;
};

struct test_dns {
    int fd;
    char where[32]; // "127.0.0.1:PORT"
    pthread_t thread;
    const struct test_name *names; // [count]
    size_t count;
    atomic_int questions; // of type A
};

/* "\3two\4test\0" to "two.test"; answers how long the question is. */
static inline size_t dns_read_name(const unsigned char *q, char *out, size_t size)
{
    size_t at = 0, len = 0;

    while (q[at] && len + q[at] + 2 < size) {
        memcpy(out + len, q + at + 1, q[at]);
        len += q[at];
        out[len++] = '.';
        at += q[at] + 1u;
    }
    out[len ? len - 1 : 0] = '\0';
    return at + 1 + 4;
}

static inline size_t dns_put_answer(unsigned char *out, const char *text, int type, unsigned ttl)
{
    size_t size = type == 1 ? 4 : 16;
    unsigned char head[12] = {0xc0, 12, 0, (unsigned char)type, 0, 1};

    head[8] = (unsigned char)(ttl >> 8);
    head[9] = (unsigned char)ttl;
    head[11] = (unsigned char)size;
    if (inet_pton(type == 1 ? AF_INET : AF_INET6, text, out + sizeof(head)) != 1)
        return 0; // of the other family
    memcpy(out, head, sizeof(head));
    return sizeof(head) + size;
}

static inline bool dns_matches(const char *rule, const char *name)
{
    size_t rule_len = strlen(rule), len = strlen(name);

    if (rule[0] != '*')
        return strcasecmp(rule, name) == 0;
    return len >= rule_len && strcasecmp(rule + 1, name + len - rule_len + 1) == 0;
}

static inline size_t dns_answer(struct test_dns *d, unsigned char *m)
{
    char name[128];
    size_t len = 12 + dns_read_name(m + 12, name, sizeof(name));
    int type = m[len - 3];
    const struct test_name *found = NULL;

    for (size_t i = 0; i < d->count; i++)
        if (dns_matches(d->names[i].name, name))
            found = &d->names[i];
    if (type == 1)
        d->questions++;
    if (found && found->silent)
        return 0;
    m[2] = 0x81;
    m[3] = found ? 0x80 : 0x83;
    memset(m + 6, 0, 6);
    for (size_t i = 0; found && i < 4 && found->addresses[i]; i++) {
        size_t put = dns_put_answer(m + len, found->addresses[i], type, found->ttl);
        m[7] = (unsigned char)(m[7] + (put > 0));
        len += put;
    }
    return len;
}

static inline void *dns_serve(void *dns)
{
    struct test_dns *d = dns;
    unsigned char message[1024];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(d->fd, message, 512, 0, (struct sockaddr *)&from, &size)) > 1) {
        size_t len = dns_answer(d, message);
        if (len)
            sendto(d->fd, message, len, 0, (struct sockaddr *)&from, size);
    }
    return NULL;
}

static inline void dns_start(struct test_dns *d, const struct test_name *names, size_t count)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    int bound;

    d->names = names;
    d->count = count;
    d->fd = socket(AF_INET, SOCK_DGRAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bound = bind(d->fd, (struct sockaddr *)&a, sizeof(a));
    assert(bound == 0);
    getsockname(d->fd, (struct sockaddr *)&a, &size);
    snprintf(d->where, sizeof(d->where), "127.0.0.1:%u", ntohs(a.sin_port));
    bound = pthread_create(&d->thread, NULL, dns_serve, d);
    assert(bound == 0);
}

static inline void dns_stop(struct test_dns *d)
{
    struct sockaddr_in a;
    socklen_t size = sizeof(a);

    getsockname(d->fd, (struct sockaddr *)&a, &size);
    sendto(d->fd, "", 1, 0, (struct sockaddr *)&a, size); // one byte: the end
    pthread_join(d->thread, NULL);
    close(d->fd);
}

#endif
