/* An STM32F405 (RM0090): 168 MHz from the internal oscillator, USART1 on PA9 and PA10, interrupts both ways. */
#include "../board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define RCC_CR REGISTER(0x40023800u)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_APB2ENR REGISTER(0x40023844u)
#define FLASH_ACR REGISTER(0x40023C00u)
#define GPIOA_MODER REGISTER(0x40020000u)
#define GPIOA_AFRH REGISTER(0x40020024u)
#define USART1_SR REGISTER(0x40011000u)
#define USART1_DR REGISTER(0x40011004u)
#define USART1_BRR REGISTER(0x40011008u)
#define USART1_CR1 REGISTER(0x4001100Cu)
#define NVIC_ISER1 REGISTER(0xE000E104u)
#define NVIC_ISPR1 REGISTER(0xE000E204u)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define ICSR REGISTER(0xE000ED04u)

#define PLL_ON (1u << 24)
#define PLL_READY (1u << 25)
#define PLL_IS_CLOCK 2u
#define RECEIVED (1u << 5)
#define CAN_SEND (1u << 7)
#define CAN_SEND_INTERRUPT (1u << 7)
#define RECEIVED_INTERRUPT (1u << 5)
#define SYSTICK_PENDING (1u << 26)
#define USART1_INTERRUPT (1u << (37 - 32))

#define CORE_HZ 168000000u
#define USART_HZ 84000000u
#define BAUD 1000000u
#define NS_PER_MS 1000000u
/* An emulator without a clock tree never says ready; a chip does within microseconds. */
#define READY_POLLS_MAX 100000u

#define IN_BYTES 512u
#define OUT_BYTES 64u

/* Rings with one writer and one reader each, so that no lock is needed; sizes are powers of two. */
static volatile uint8_t in_ring[IN_BYTES], out_ring[OUT_BYTES];
static volatile uint32_t in_head, in_tail, out_head, out_tail, milliseconds;

void systick_handler(void);
void usart1_handler(void);

void systick_handler(void) {
    milliseconds++;
}

void usart1_handler(void) {
    uint32_t status = USART1_SR;
    if (status & RECEIVED) {
        uint8_t byte = (uint8_t)USART1_DR;
        if (in_head - in_tail < IN_BYTES) {
            in_ring[in_head % IN_BYTES] = byte;
            in_head++;
        }
    }
    while (out_head != out_tail && USART1_SR & CAN_SEND) {
        USART1_DR = out_ring[out_tail % OUT_BYTES];
        out_tail++;
    }
    if (out_head == out_tail) {
        USART1_CR1 &= ~CAN_SEND_INTERRUPT;
    }
}

static void wait_for(volatile uint32_t *from, uint32_t mask, uint32_t value) {
    for (uint32_t polls = 0; (*from & mask) != value && polls < READY_POLLS_MAX; polls++) {
    }
}

/* HSI of 16 MHz / 8 * 168 / 2 = 168 MHz; APB2 takes half, APB1 a quarter. */
static void start_clock(void) {
    FLASH_ACR = 1u << 10 | 1u << 9 | 1u << 8 | 5u; /* both caches, prefetch, five wait states */
    RCC_PLLCFGR = 8u | 168u << 6 | 0u << 16 | 7u << 24;
    RCC_CR |= PLL_ON;
    wait_for(&RCC_CR, PLL_READY, PLL_READY);
    RCC_CFGR = 4u << 13 | 5u << 10 | PLL_IS_CLOCK;
    wait_for(&RCC_CFGR, 3u << 2, PLL_IS_CLOCK << 2);
    SYST_RVR = CORE_HZ / 1000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = 7u;
}

void board_start(void) {
    start_clock();
    RCC_AHB1ENR |= 1u;
    RCC_APB2ENR |= 1u << 4;
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18;
    GPIOA_AFRH = (GPIOA_AFRH & ~(0xFFu << 4)) | 0x77u << 4;
    USART1_BRR = USART_HZ / BAUD;
    USART1_CR1 = 1u << 13 | 1u << 3 | 1u << 2 | RECEIVED_INTERRUPT;
    NVIC_ISER1 = USART1_INTERRUPT;
}

size_t board_read(void *context, uint8_t *bytes, size_t room) {
    (void)context;
    size_t count = 0;
    while (count < room && in_tail != in_head) {
        bytes[count++] = in_ring[in_tail % IN_BYTES];
        in_tail++;
    }
    return count;
}

size_t board_write(void *context, uint8_t lane, const uint8_t *bytes, size_t count) {
    (void)context, (void)lane;
    size_t sent = 0;
    while (sent < count && out_head - out_tail < OUT_BYTES) {
        out_ring[out_head % OUT_BYTES] = bytes[sent++];
        out_head++;
    }
    if (out_head != out_tail) {
        /* The handler changes the register as well: not in between. */
        __asm volatile("cpsid i" ::: "memory");
        USART1_CR1 |= CAN_SEND_INTERRUPT;
        __asm volatile("cpsie i" ::: "memory");
        /* Not every emulator of this port has the interrupt of an empty register: the first one is ours. */
        NVIC_ISPR1 = USART1_INTERRUPT;
    }
    return sent;
}

uint64_t board_now_ns(void *context) {
    (void)context;
    static uint64_t last_ns;
    static uint32_t last_ms, wraps;
    uint32_t ms, left;
    do { /* until no millisecond ended between the two readings */
        ms = milliseconds;
        left = SYST_CVR;
    } while (ms != milliseconds || ICSR & SYSTICK_PENDING);
    wraps += ms < last_ms;
    last_ms = ms;
    uint64_t whole_ms = (uint64_t)wraps << 32 | ms;
    uint64_t part_ns = (uint64_t)(CORE_HZ / 1000u - 1u - left) * 1000u / (CORE_HZ / 1000000u);
    uint64_t now = whole_ms * NS_PER_MS + part_ns;
    last_ns = now > last_ns ? now : last_ns;
    return last_ns;
}

void board_rest(void) {
    __asm volatile("wfi" ::: "memory");
}
