/* 64-bit words in shared memory, for cext/ring.py: one aligned access each, ordered as the name says.
 * The GNU builtins serve gcc and clang; MSVC's interlocked calls are full barriers, more than is asked. */
#ifndef LL_WORDS_H
#define LL_WORDS_H
#include <stdint.h>

#ifdef __GNUC__
static inline uint64_t ll_load_acquire(uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void ll_store_release(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void ll_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#else
#include <intrin.h>
static inline uint64_t ll_load_acquire(uint64_t *word)
{
    return (uint64_t)_InterlockedOr64((volatile __int64 *)word, 0);
}

static inline void ll_store_release(uint64_t *word, uint64_t value)
{
    _InterlockedExchange64((volatile __int64 *)word, (__int64)value);
}

static inline void ll_fence(void)
{
    volatile __int64 any = 0;
    _InterlockedOr64(&any, 0);
}
#endif
#endif
