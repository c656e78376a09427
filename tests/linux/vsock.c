// A stream over vsock, as `nc` has it over TCP: what comes from stdin goes to the peer, what comes
// from the peer goes to stdout, both at once, until both have ended.
//
// `vsock connect CID PORT`: to whoever listens there.
// `vsock listen PORT`: for one who connects.

#include "syscalls.h"

enum { SOCKET = 198, BIND = 200, LISTEN = 201, ACCEPT = 202, CONNECT = 203, SHUTDOWN = 210 };
enum { WAIT4 = 260 };
// Linux v6.12, include/linux/socket.h, include/linux/net.h and include/uapi/asm-generic/signal.h.
enum { AF_VSOCK = 40, SOCK_STREAM = 1, SHUT_WR = 1, SIGCHLD = 17 };

// Linux v6.12, include/uapi/linux/vm_sockets.h, struct sockaddr_vm.
typedef struct {
    unsigned short family;
    unsigned short reserved;
    unsigned port;
    unsigned cid;
    char zero[4];
} address;

#define CID_ANY (-1u)

// What the kernel answered; if that is an error it is told, and ends this process.
static long checked(const char *what, long answer) {
    if (answer >= 0) return answer;
    print(STDERR, "vsock: ");
    print(STDERR, what);
    print(STDERR, ": error ");
    print_number(STDERR, -answer);
    print(STDERR, "\n");
    end(1);
}

static void copy(int from, int to) {
    static char buffer[1 << 16];
    long size;
    while ((size = checked("read", call(READ, from, (long)buffer, sizeof buffer, 0))))
        for (long done = 0; done < size;)
            done += checked("write", call(WRITE, to, (long)buffer + done, size - done, 0));
}

static long both_ways(int stream) {
    long sender = checked("clone", call(CLONE, SIGCHLD, 0, 0, 0));
    if (!sender) {
        copy(STDIN, stream);
        call(SHUTDOWN, stream, SHUT_WR, 0, 0);
        return 0;
    }
    copy(stream, STDOUT);
    int status = 0;
    checked("wait", call(WAIT4, sender, (long)&status, 0, 0));
    return status != 0;
}

static int connected(unsigned cid, unsigned port) {
    address peer = {.family = AF_VSOCK, .port = port, .cid = cid};
    int stream = checked("socket", call(SOCKET, AF_VSOCK, SOCK_STREAM, 0, 0));
    checked("connect", call(CONNECT, stream, (long)&peer, sizeof peer, 0));
    return stream;
}

static int accepted(unsigned port) {
    address own = {.family = AF_VSOCK, .port = port, .cid = CID_ANY};
    int listener = checked("socket", call(SOCKET, AF_VSOCK, SOCK_STREAM, 0, 0));
    checked("bind", call(BIND, listener, (long)&own, sizeof own, 0));
    checked("listen", call(LISTEN, listener, 1, 0, 0));
    return checked("accept", call(ACCEPT, listener, 0, 0, 0));
}

static long run(long count, const char **words) {
    if (count == 4 && words[1][0] == 'c')
        return both_ways(connected(number_of(words[2]), number_of(words[3])));
    if (count == 3 && words[1][0] == 'l') return both_ways(accepted(number_of(words[2])));
    print(STDERR, "vsock connect CID PORT, or vsock listen PORT\n");
    return 2;
}
