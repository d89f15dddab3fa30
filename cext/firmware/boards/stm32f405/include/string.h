/* What the protocol needs of a C library, which bare metal has not; `startup.c` has it. */
#ifndef LASERLINK_BOARD_STRING_H
#define LASERLINK_BOARD_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
int memcmp(const void *one, const void *other, size_t count);
void *memset(void *at, int value, size_t count);
size_t strlen(const char *text);

#endif
