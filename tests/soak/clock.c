// A clock that jumps, for one Python process: preloaded, it shifts what the interpreter reads as the time of day.
// SOAK_CLOCK names a file of 8 bytes with the shift in milliseconds. Everything else in the process keeps the machine's
// clock: C libraries may wait until a time of day, and the kernel knows nothing of the shift.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static const volatile int64_t *shift_ms;
static uintptr_t interpreter, first, last;

static int find_range(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    for (int n = 0; n < object->dlpi_phnum; n++) {
        uintptr_t begin = object->dlpi_addr + object->dlpi_phdr[n].p_vaddr;
        uintptr_t end = begin + object->dlpi_phdr[n].p_memsz;
        if (object->dlpi_phdr[n].p_type == PT_LOAD && begin <= interpreter && interpreter < end) {
            first = begin, last = end;
            return 1;
        }
    }
    return 0;
}

__attribute__((constructor)) static void prepare(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    interpreter = (uintptr_t)dlsym(RTLD_DEFAULT, "PyEval_EvalCode");
    const char *path = getenv("SOAK_CLOCK");
    int file = path && interpreter ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found == MAP_FAILED) return;
    dl_iterate_phdr(find_range, NULL);
    shift_ms = found;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (!real_clock_gettime) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real_clock_gettime(id, now);
    if (failed || id != CLOCK_REALTIME || !shift_ms || caller < first || caller >= last) return failed;
    int64_t shift = *shift_ms * 1000000;
    int64_t nanoseconds = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + shift;
    now->tv_sec = nanoseconds / 1000000000, now->tv_nsec = nanoseconds % 1000000000;
    return 0;
}
