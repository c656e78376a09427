// Threads that are pinned to a CPU each and count together: `threads N` prints how many of them
// found themselves on their CPU all the time, and what they counted.

#include "syscalls.h"

#define ADDITIONS 5000
#define THREADS_MAX 32

// Linux v6.12, include/uapi/asm-generic/unistd.h, linux/futex.h and linux/sched.h.
enum { FUTEX = 98, SCHED_SETAFFINITY = 122, GETCPU = 168 };
enum {
    FUTEX_WAIT = 0,
    // VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID and CHILD_CLEARTID.
    CLONE_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x100000 | 0x200000
};

typedef struct {
    long cpu;
    volatile int tid;  // cleared by the kernel when the thread is gone
    int at_home;       // it never found itself on another CPU
    char stack[2048] __attribute__((aligned(16)));
} thread;

static thread threads[THREADS_MAX];
static volatile int counter;

static int on_cpu(long cpu) {
    unsigned found = ~0u;
    call(GETCPU, (long)&found, 0, 0, 0);
    return found == cpu;
}

__attribute__((noreturn, used)) static void work(thread *self) {
    unsigned long only = 1ul << self->cpu;
    call(SCHED_SETAFFINITY, 0, sizeof only, (long)&only, 0);
    self->at_home = on_cpu(self->cpu);
    for (int i = 0; i < ADDITIONS; i++) {
        // Exclusives on armv8-a without LSE: two threads that add at once must not lose a count.
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
        if (i % 1000 == 0) self->at_home &= on_cpu(self->cpu);
    }
    call(EXIT, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void start(thread *new) {
    register long x8 __asm__("x8") = CLONE;
    register long x0 __asm__("x0") = CLONE_FLAGS;
    register long x1 __asm__("x1") = (long)(new->stack + sizeof new->stack);
    register long x2 __asm__("x2") = (long)&new->tid;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = (long)&new->tid;
    register long x19 __asm__("x19") = (long)new;
    __asm__ volatile(
        "svc 0\n"
        "cbnz x0, 1f\n"
        "mov x0, x19\n"
        "bl work\n"
        "1:\n"
        : "+r"(x0)
        : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19)
        : "memory", "x30");
}

static void join(thread *other) {
    int tid;
    while ((tid = other->tid)) call(FUTEX, (long)&other->tid, FUTEX_WAIT, tid, 0);
}

static long run(long words_count, const char **words) {
    if (words_count != 2) return 2;
    long count = number_of(words[1]);
    for (long i = 0; i < count; i++) {
        threads[i].cpu = i;
        start(&threads[i]);
    }
    long at_home = 0;
    for (long i = 0; i < count; i++) {
        join(&threads[i]);
        at_home += threads[i].at_home;
    }
    print(STDOUT, "at home ");
    print_number(STDOUT, at_home);
    print(STDOUT, ", counted ");
    print_number(STDOUT, counter);
    print(STDOUT, "\n");
    return 0;
}
