/* A board that is a process: its serial port is a pseudo-terminal, whose name it prints. */
#define _XOPEN_SOURCE 600
#include "../board.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int terminal;
static uint64_t started_ns;

static uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

void board_start(void) {
    struct termios settings;
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) || tcgetattr(terminal, &settings)) {
        fail("no pseudo-terminal");
    }
    settings.c_iflag = settings.c_oflag = settings.c_lflag = 0;
    settings.c_cflag = CS8 | CREAD;
    /* The other side stays open here, so that the port lives on from one host to the next. */
    if (tcsetattr(terminal, TCSANOW, &settings) || fcntl(terminal, F_SETFL, O_NONBLOCK) ||
        open(ptsname(terminal), O_RDWR | O_NOCTTY) < 0) {
        fail("a pseudo-terminal that does not open");
    }
    started_ns = monotonic_ns();
    printf("%s\n", ptsname(terminal));
    fflush(stdout);
}

size_t board_read(void *context, uint8_t *bytes, size_t room) {
    (void)context;
    ssize_t count = read(terminal, bytes, room);
    return count > 0 ? (size_t)count : 0;
}

size_t board_write(void *context, uint8_t lane, const uint8_t *bytes, size_t count) {
    (void)context, (void)lane;
    ssize_t sent = write(terminal, bytes, count);
    return sent > 0 ? (size_t)sent : 0;
}

uint64_t board_now_ns(void *context) {
    (void)context;
    return monotonic_ns() - started_ns;
}

void board_rest(void) {
    struct pollfd port = {terminal, POLLIN, 0};
    poll(&port, 1, 1);
}
