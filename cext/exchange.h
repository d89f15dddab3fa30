/*
 * The system's calls of an exchange: wait for a byte, read it, write an answer; see poll(2), and epoll(7) for
 * a set that changes while somebody sleeps on it. Where the system has none of these, nothing is ever there.
 */
#ifndef LL_EXCHANGE_H
#define LL_EXCHANGE_H
#include <stddef.h>
#include <stdint.h>

#ifdef __linux__
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { LL_EXCHANGES = 1, LL_OTHERS_MAX = 2, LL_NS_PER_S = 1000000000 };

static int64_t ll_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * LL_NS_PER_S + now.tv_nsec;
}

/* Sleeps until the port or one of the others has something, or a signal or the time has come: whether it is the
 * port alone. */
static int ll_await(int port, const int *others, int count, int64_t until_ns)
{
    struct pollfd polled[1 + LL_OTHERS_MAX] = {{.fd = port, .events = POLLIN}};
    int64_t now = ll_now_ns();
    struct timespec timeout = {0, 0};
    if (until_ns > now) {
        timeout.tv_sec = (until_ns - now) / LL_NS_PER_S;
        timeout.tv_nsec = (until_ns - now) % LL_NS_PER_S;
    }
    for (int index = 0; index < count; index++)
        polled[1 + index] = (struct pollfd){.fd = others[index], .events = POLLIN};
    return ppoll(polled, (nfds_t)(1 + count), &timeout, NULL) == 1 && polled[0].revents == POLLIN;
}

/* How many bytes came, or went; 0 for none, whatever the reason. */
static size_t ll_read_some(int port, uint8_t *data, size_t size)
{
    ssize_t count = read(port, data, size);
    return count > 0 ? (size_t)count : 0;
}

static size_t ll_write_some(int port, const uint8_t *data, size_t size)
{
    ssize_t count = write(port, data, size);
    return count > 0 ? (size_t)count : 0;
}

/* Lets the bytes of a port wake who sleeps on a set, or nobody. */
static void ll_let_wake(int set, int port, int wakes)
{
    struct epoll_event event = {.events = wakes ? EPOLLIN : 0, .data.fd = port};
    epoll_ctl(set, EPOLL_CTL_MOD, port, &event);
}
#else
enum { LL_EXCHANGES = 0, LL_OTHERS_MAX = 2 };
static int64_t ll_now_ns(void) { return 0; }
static int ll_await(int port, const int *others, int count, int64_t until_ns) { return 0; }
static size_t ll_read_some(int port, uint8_t *data, size_t size) { return 0; }
static size_t ll_write_some(int port, const uint8_t *data, size_t size) { return 0; }
static void ll_let_wake(int set, int port, int wakes) {}
#endif
#endif
