/* Vectors, and the way from reset to main. */
#include <stddef.h>
#include <stdint.h>

extern uint32_t ll_stack_top, ll_data_load, ll_data_start, ll_data_end, ll_bss_start, ll_bss_end;

int main(void);
void reset_handler(void);
void systick_handler(void);
void usart1_handler(void);

/* Those that the compiler calls by itself, and one that the protocol needs: there is no C library. */
void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *at, int value, size_t count);
int memcmp(const void *one, const void *other, size_t count);
size_t strlen(const char *text);

void *memcpy(void *to, const void *from, size_t count) {
    uint8_t *target = to;
    for (const uint8_t *source = from; count--;) {
        *target++ = *source++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if (target <= source) {
        return memcpy(to, from, count);
    }
    while (count--) {
        target[count] = source[count];
    }
    return to;
}

void *memset(void *at, int value, size_t count) {
    for (uint8_t *target = at; count--;) {
        *target++ = (uint8_t)value;
    }
    return at;
}

int memcmp(const void *one, const void *other, size_t count) {
    const uint8_t *a = one, *b = other;
    for (; count--; a++, b++) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) {
        count++;
    }
    return count;
}

/* Nothing here is meant to happen: stay, for a debugger to see. */
static void unexpected(void) {
    for (;;) {
    }
}

void reset_handler(void) {
    const uint32_t *from = &ll_data_load;
    for (uint32_t *to = &ll_data_start; to < &ll_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &ll_bss_start; to < &ll_bss_end;) {
        *to++ = 0;
    }
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: the floating-point unit */
    (void)main();
    unexpected();
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    vector handlers[15 + 38];
} vectors = {
    &ll_stack_top,
    {
        [0] = reset_handler,
        [1 ... 13] = unexpected,
        [14] = systick_handler,
        [15 ... 51] = unexpected,
        [15 + 37] = usart1_handler,
    },
};
