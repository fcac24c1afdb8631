// One calculation, from inputs to witness. After the translated module's definitions: INITIAL_BYTES, INITIAL_DATA, SOURCE, and circuit_* for its exports.
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))
#define CONTEXT_BYTES 65536ull
#define ADDRESSABLE (1ull << 32)
#define STACK_BYTES (12u << 20) // of the 16 MiB that the caller's thread has

_Noreturn void leave(uint8_t *m, int32_t status) { longjmp(CONTEXT(m)->exit, status); }

uint32_t memory_grow(uint8_t *m, uint32_t pages) {
  uint64_t before = CONTEXT(m)->size;
  if (((uint64_t)pages << 16) > CONTEXT(m)->limit - before) return UINT32_MAX;
  CONTEXT(m)->size = before + ((uint64_t)pages << 16);
  return (uint32_t)(before >> 16);
}

static inline void copy_element(uint8_t *to, const uint8_t *from) {
  for (int i = 0; i < 40; i += 8) store64_at(to + i, load64_at(from + i));
}

void copy(uint8_t *m, uint32_t to, uint32_t from, uint32_t count) {
  uint64_t bytes = 40ull * count;
  uint8_t *t = at(m, to, bytes);
  const uint8_t *f = at(m, from, bytes);
  if (t + bytes <= f || f + bytes <= t) memcpy(t, f, bytes);
  else for (uint64_t i = 0; i < bytes; i += 40) copy_element(t + i, f + i);
}

void fill(uint8_t *m, uint32_t to, uint32_t from, uint32_t count) {
  uint64_t bytes = 40ull * count;
  uint8_t *t = at(m, to, bytes);
  const uint8_t *f = at(m, from, 40);
  for (uint64_t i = 0; i < bytes; i += 40) copy_element(t + i, f);
}

void runtime_exceptionHandler(uint8_t *m, uint32_t code) { leave(m, code - 1 < 6 ? (int32_t)code : UNREACHABLE); }

// The message that an aborted template leaves, and one from every template that it was reached through.
void runtime_printErrorMessage(uint8_t *m) {
  struct context *c = CONTEXT(m);
  for (uint32_t next; (next = circuit_getMessageChar(m)) != 0;)
    if (c->room > 2) *c->message++ = (char)next, c->room--;
  if (c->room > 1) *c->message++ = '\n', c->room--;
  *c->message = 0;
}

// log() of the circuit: values that nobody but the owner of a batch may see.
void runtime_writeBufferMessage(uint8_t *m) { (void)m; }
void runtime_showSharedRWMemory(uint8_t *m) { (void)m; }

static void calculate(uint8_t *m, uint32_t signals, const uint64_t *hashes, const uint32_t *counts, const uint64_t *values, uint64_t *witness, uint32_t *current) {
  uint32_t total = 0, shared = circuit_getSharedRWMemoryStart(m), wires = circuit_getWitnessSize(m);
  for (uint32_t s = 0; s < signals; s++) total += counts[s];
  circuit_init(m, 0);
  for (uint32_t s = 0; s < signals; s++) {
    uint32_t high = (uint32_t)(hashes[s] >> 32), low = (uint32_t)hashes[s];
    *current = s;
    for (uint32_t i = 0; i < counts[s]; i++, values += 4) {
      memcpy(at(m, shared, 32), values, 32);
      circuit_setInputSignal(m, high, low, i);
      if (i == 0 && counts[s] < circuit_getInputSignalSize(m, high, low)) leave(m, TOO_FEW_VALUES);
    }
  }
  // The circuit started with its last input.
  if (total < circuit_getInputSize(m)) leave(m, INPUTS_MISSING);
  for (uint32_t w = 0; w < wires; w++) {
    circuit_getWitness(m, w);
    memcpy(witness + 4ull * w, at(m, shared, 32), 32);
  }
}

EXPORT const char *rollup_witness_source(void) { return SOURCE; }

static uint8_t *begin(uint64_t limit, const volatile int32_t *stop, char *message, uint32_t room) {
  if (limit > ADDRESSABLE) limit = ADDRESSABLE;
  if (INITIAL_BYTES > limit) return NULL;
  uint8_t *start = mmap(NULL, CONTEXT_BYTES + ADDRESSABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  uint8_t *m = start + CONTEXT_BYTES;
  struct context *c = CONTEXT(m);
  c->size = INITIAL_BYTES;
  c->limit = limit;
  c->stack_limit = (uintptr_t)__builtin_frame_address(0) - STACK_BYTES;
  c->stop = stop;
  c->message = message;
  c->room = room;
  const uint8_t *data = (const uint8_t *)data_bytes;
  for (uint32_t i = 0; i < sizeof data_places / sizeof *data_places; data += data_places[i][1], i++) memcpy(m + data_places[i][0], data, data_places[i][1]);
  return m;
}

static void end(uint8_t *m) { munmap(m - CONTEXT_BYTES, CONTEXT_BYTES + ADDRESSABLE); }

// hashes: FNV-1a of each signal's name; counts: its values; values: four limbs each, all signals' one after the other; witness: four limbs a wire;
// limit: bytes of memory; stop: not zero ends the calculation. Gives 0, circom's exception (1 to 6) or one of the codes of circuit.h; current is the signal that was being set.
EXPORT int32_t rollup_witness_calculate(uint32_t signals, const uint64_t *hashes, const uint32_t *counts, const uint64_t *values, uint64_t *witness,
                                        uint64_t limit, const volatile int32_t *stop, uint32_t *current, char *message, uint32_t room) {
  *current = 0;
  *message = 0;
  uint8_t *m = begin(limit, stop, message, room);
  if (!m) return NO_MEMORY;
  int32_t status = setjmp(CONTEXT(m)->exit);
  if (status == 0) calculate(m, signals, hashes, counts, values, witness, current);
  end(m);
  return status;
}

// What the circuit computes with: r in four limbs, and how many values come out and go in.
EXPORT int32_t rollup_witness_describe(uint64_t *prime, uint32_t *wires, uint32_t *inputs) {
  static const volatile int32_t running = 0;
  char message[2];
  uint8_t *m = begin(ADDRESSABLE, &running, message, sizeof message);
  if (!m) return NO_MEMORY;
  int32_t status = setjmp(CONTEXT(m)->exit);
  if (status == 0) {
    *wires = circuit_getWitnessSize(m);
    *inputs = circuit_getInputSize(m);
    circuit_getRawPrime(m);
    memcpy(prime, at(m, circuit_getSharedRWMemoryStart(m), 32), 32);
  }
  end(m);
  return status;
}
