/* What a module's main file needs of a board; each folder beside this one has it for another. */
#ifndef LASERLINK_BOARD_H
#define LASERLINK_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Clocks, the serial port at 1 Mb/s, and its interrupts. */
void board_start(void);
/* At most `room` bytes that have arrived, and at most `count` bytes that go out now; how many. Neither waits. */
size_t board_read(void *context, uint8_t *bytes, size_t room);
size_t board_write(void *context, uint8_t lane, const uint8_t *bytes, size_t count);
/* Nanoseconds since the start. */
uint64_t board_now_ns(void *context);
/* Waits for the next interrupt, which is at most a millisecond away. */
void board_rest(void);

#endif
