// What the translated functions of a circuit share. `m` is the circuit's linear memory, one a calculation; what belongs to the calculation
// lies just before it. Every access is checked, and whatever goes wrong leaves by longjmp to where the calculation began.
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

enum { STACK_OVERFLOW = 100, OUT_OF_BOUNDS, DIVISION_BY_ZERO, BAD_CALL, UNREACHABLE, STOPPED, NO_MEMORY, TOO_FEW_VALUES, INPUTS_MISSING };

struct context {
  uint64_t size, limit; // of the memory, in bytes
  uintptr_t stack_limit;
  const volatile int32_t *stop;
  char *message;
  uint32_t room; // bytes of message left, the terminating one included
  jmp_buf exit;
};

#define CONTEXT(m) ((struct context *)(void *)(m) - 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

_Noreturn void leave(uint8_t *m, int32_t status);
uint32_t memory_grow(uint8_t *m, uint32_t pages);
void runtime_exceptionHandler(uint8_t *m, uint32_t code);
void runtime_printErrorMessage(uint8_t *m);
void runtime_writeBufferMessage(uint8_t *m);
void runtime_showSharedRWMemory(uint8_t *m);

// The stack grows downwards wherever this is compiled.
#define ENTER(m) \
  if (UNLIKELY((uintptr_t)__builtin_frame_address(0) < CONTEXT(m)->stack_limit)) leave(m, STACK_OVERFLOW)
#define POLL(m) \
  if (UNLIKELY(*CONTEXT(m)->stop)) leave(m, STOPPED)

static inline uint8_t *at(uint8_t *m, uint64_t address, uint64_t length) {
  if (UNLIKELY(address + length > CONTEXT(m)->size)) leave(m, OUT_OF_BOUNDS);
  return m + address;
}

#define MEMORY_ACCESS(bits) \
  static inline uint##bits##_t load##bits##_at(const uint8_t *p) { uint##bits##_t v; memcpy(&v, p, sizeof v); return v; } \
  static inline void store##bits##_at(uint8_t *p, uint##bits##_t v) { memcpy(p, &v, sizeof v); } \
  static inline uint##bits##_t load##bits(uint8_t *m, uint64_t a) { return load##bits##_at(at(m, a, bits / 8)); } \
  static inline void store##bits(uint8_t *m, uint64_t a, uint##bits##_t v) { store##bits##_at(at(m, a, bits / 8), v); }
MEMORY_ACCESS(8)
MEMORY_ACCESS(16)
MEMORY_ACCESS(32)
MEMORY_ACCESS(64)

#define DIVISION(bits) \
  static inline uint##bits##_t div##bits(uint8_t *m, uint##bits##_t a, uint##bits##_t b) { if (!b) leave(m, DIVISION_BY_ZERO); return a / b; } \
  static inline uint##bits##_t rem##bits(uint8_t *m, uint##bits##_t a, uint##bits##_t b) { if (!b) leave(m, DIVISION_BY_ZERO); return a % b; }
DIVISION(32)
DIVISION(64)

static inline uint32_t memory_pages(uint8_t *m) { return (uint32_t)(CONTEXT(m)->size >> 16); }

// Copies of `count` field elements of 40 bytes, one after the other, each as five loads and stores of 64 bits: from consecutive places, or all from one.
void copy(uint8_t *m, uint32_t to, uint32_t from, uint32_t count);
void fill(uint8_t *m, uint32_t to, uint32_t from, uint32_t count);
