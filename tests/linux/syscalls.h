// What a program without a C library needs of Linux on arm64. It has to define
// `long run(long count, const char **words)`; the first word is its own name.

#pragma once

// Linux v6.12, include/uapi/asm-generic/unistd.h.
enum { READ = 63, WRITE = 64, EXIT = 93, EXIT_GROUP = 94, CLONE = 220 };
enum { STDIN, STDOUT, STDERR };

static long call(long number, long a, long b, long c, long d) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

__attribute__((noreturn)) static void end(long status) {
    call(EXIT_GROUP, status, 0, 0, 0);
    __builtin_unreachable();
}

static long text_length(const char *text) {
    long length = 0;
    while (text[length]) length++;
    return length;
}

static void print(int file, const char *text) {
    call(WRITE, file, (long)text, text_length(text), 0);
}

static void print_number(int file, long number) {
    char digits[24];
    char *first = digits + sizeof digits - 1;
    *first = 0;
    do *--first = '0' + number % 10;
    while (number /= 10);
    print(file, first);
}

static long number_of(const char *text) {
    long number = 0;
    while (*text) number = 10 * number + *text++ - '0';
    return number;
}

static long run(long count, const char **words);

__attribute__((noreturn, used)) static void begin(long *arguments) {
    end(run(arguments[0], (const char **)(arguments + 1)));
}

__asm__(
    ".globl _start\n"
    "_start: mov x0, sp\n"
    "bl begin\n");
