/* A simulation of NVIDIA's management library: the symbols that pynvml calls, answered from a plain-text file.
 *
 * STOKER_NVML_SIM names the file; each line is `key value`. `driver`, `cuda`, `devices` and `system.…` are of the whole machine, `3.temperature 52`
 * is of device 3. What a device has no line for is not supported. Faults, of a device or of `system`:
 *     3.lost 1                          every call gives GPU_IS_LOST
 *     3.error.nvmlDeviceGetName 999     this call gives this error; `3.error 999`: every call
 *     3.hang.nvmlDeviceGetName 1        this call does not return until the line is gone; `3.hang 1`: every call
 *     3.slow.nvmlDeviceGetName 1500     this call takes so many milliseconds
 *     3.crash.nvmlDeviceGetName 1       this call ends the process
 * Events: `3.xid1 79`, `3.xid2 94`, … are the XIDs of device 3, numbered from 1. Each is given once, to whoever had registered before it came.
 * The file is read again at nvmlInit and nvmlDeviceGetCount, that is once a round, when events are waited for, and while a call hangs.
 *
 * No header is included, so that a compiler without a C library's headers (tcc by itself) can compile it:
 *     cc -shared -fPIC -o libnvidia-ml.so.1 nvml.c        tcc -shared -nostdlib -o libnvidia-ml.so.1 nvml.c
 */

typedef unsigned int u32;
typedef unsigned long long u64;

extern int open(const char *path, int flags, ...);
extern long read(int descriptor, void *buffer, unsigned long count);
extern int close(int descriptor);
extern char *getenv(const char *name);
extern int usleep(u32 microseconds);
extern void abort(void);

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, UNINITIALIZED = 1 };
enum { GPU_IS_LOST = 15, VERSION_MISMATCH = 25, LIBRARY_NOT_FOUND = 12, TIMEOUT = 10 };
enum { MOST_DEVICES = 64, MOST_INSTANCES = 8, MOST_LINES = 1200, BUCKETS = 256, SYSTEM = MOST_DEVICES };

struct Line {
    u32 hash;
    int before; /* in the same bucket */
    const char *key;
    const char *value;
};

struct Device {
    int count;
    int faulty;
    int buckets[BUCKETS]; /* the number of the last line that has this hash, from 1 on */
    struct Line lines[MOST_LINES];
};

struct Handle {
    int device;
    int instance; /* -1: the whole GPU */
};

static char text[1 << 21];
static struct Device devices[MOST_DEVICES + 1]; /* the last one is the system */
static struct Handle handles[MOST_DEVICES][MOST_INSTANCES + 1];
static int initialized;
enum { MOST_METRICS = 14, MOST_SAMPLES = 256, OUT_OF_MEMORY = 20 };

/* Cycles since the library was loaded: element 0 in all, the others those in which the unit of this metric worked. */
struct Gpm {
    int used;
    long long cycles[MOST_METRICS];
};

static struct Gpm worked[MOST_DEVICES][MOST_INSTANCES + 1];
static struct Gpm samples[MOST_SAMPLES];
static u64 asked[MOST_DEVICES][MOST_INSTANCES]; /* calls of an instance in this round */
static u64 grown; /* times that a list of processes grew in this round */

static int same(const char *left, const char *right) {
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static int starts(const char *word, const char *with) {
    while (*with) {
        if (*word++ != *with++) return 0;
    }
    return 1;
}

static u32 hash_on(u32 hash, const char *word) {
    while (*word) hash = (hash ^ (unsigned char)*word++) * 16777619u;
    return hash;
}

static u64 number_at(const char **at) {
    u64 value = 0;
    int negative = **at == '-';
    if (negative) (*at)++;
    while (**at >= '0' && **at <= '9') value = value * 10 + (u64)(*(*at)++ - '0');
    return negative ? (u64)0 - value : value;
}

static u64 number(const char *value) { return number_at(&value); }

static void add(int device, const char *key, const char *value) {
    struct Device *to = &devices[device];
    struct Line *line;
    if (to->count >= MOST_LINES) return;
    line = &to->lines[to->count++];
    line->key = key;
    line->value = value;
    line->hash = hash_on(2166136261u, key);
    line->before = to->buckets[line->hash % BUCKETS];
    to->buckets[line->hash % BUCKETS] = to->count;
    if (starts(key, "hang") || starts(key, "error") || starts(key, "crash") || starts(key, "slow") || same(key, "lost")) to->faulty = 1;
}

static void load(void) {
    const char *path = getenv("STOKER_NVML_SIM");
    long length = 0, got;
    char *at = text, *key, *value;
    const char *rest;
    int descriptor, device, instance, bucket;
    grown = 0;
    for (device = 0; device <= MOST_DEVICES; device++) {
        for (instance = 0; device < MOST_DEVICES && instance < MOST_INSTANCES; instance++) asked[device][instance] = 0;
        if (!devices[device].count) continue;
        devices[device].count = devices[device].faulty = 0;
        for (bucket = 0; bucket < BUCKETS; bucket++) devices[device].buckets[bucket] = 0;
    }
    descriptor = path ? open(path, 0) : -1;
    if (descriptor < 0) return;
    while ((got = read(descriptor, text + length, sizeof text - 1 - (unsigned long)length)) > 0) length += got;
    close(descriptor);
    text[length] = 0;
    while (*at) {
        key = at;
        while (*at && *at != '\n') at++;
        if (*at) *at++ = 0;
        value = key;
        while (*value && *value != ' ') value++;
        if (*value) *value++ = 0;
        if (*key >= '0' && *key <= '9') {
            rest = key;
            device = (int)number_at(&rest);
            if (*rest == '.' && device < MOST_DEVICES) add(device, rest + 1, value);
        } else if (starts(key, "system.")) {
            add(SYSTEM, key + 7, value);
        } else if (*key && *key != '#') {
            add(SYSTEM, key, value);
        }
    }
}

/* The value of `first` followed by `second` (and a number from 0 on), or null. */
static const char *find(int device, const char *first, const char *second, int suffix) {
    struct Device *in = &devices[device];
    char digits[12];
    int at = 11, line;
    const char *key, *part;
    u32 hash;
    digits[at] = 0;
    if (suffix >= 0) {
        do {
            digits[--at] = (char)('0' + suffix % 10);
            suffix /= 10;
        } while (suffix);
    }
    hash = hash_on(hash_on(hash_on(2166136261u, first), second), digits + at);
    for (line = in->buckets[hash % BUCKETS] - 1; line >= 0; line = in->lines[line].before - 1) {
        if (in->lines[line].hash != hash) continue;
        key = in->lines[line].key;
        for (part = first; *part && *part == *key; part++) key++;
        if (*part) continue;
        for (part = second; *part && *part == *key; part++) key++;
        if (*part || !same(key, digits + at)) continue;
        return in->lines[line].value;
    }
    return 0;
}

static int fault(int device, const char *call) {
    const char *error;
    if (!devices[device].faulty) return SUCCESS;
    while (find(device, "hang", "", -1) || find(device, "hang.", call, -1)) {
        usleep(5000);
        load();
    }
    error = find(device, "slow.", call, -1);
    if (error) usleep(1000u * (u32)number(error));
    if (find(device, "crash.", call, -1)) abort();
    if (find(device, "lost", "", -1)) return GPU_IS_LOST;
    error = find(device, "error.", call, -1);
    if (!error) error = find(device, "error", "", -1);
    return error ? (int)number(error) : SUCCESS;
}

static const char *value_of(void *handle, const char *key, int suffix);

/* `mig0.stale 3`: after three calls of a round the instance is destroyed, and its handle is good for nothing. */
static int stale(struct Handle *of) {
    const char *calls;
    if (of->instance < 0) return 0;
    calls = value_of(of, "stale", -1);
    return calls && asked[of->device][of->instance]++ >= number(calls);
}

static int ready(void *handle, const char *call) {
    if (!initialized) return UNINITIALIZED;
    if (!handle || stale(handle)) return INVALID_ARGUMENT;
    return fault(((struct Handle *)handle)->device, call);
}

static const char *value_of(void *handle, const char *key, int suffix) {
    struct Handle *of = handle;
    char prefix[6] = "mig0.";
    if (of->instance < 0) return find(of->device, key, "", suffix);
    prefix[3] = (char)('0' + of->instance);
    return find(of->device, prefix, key, suffix);
}

static int give(void *handle, const char *call, const char *key, int suffix, u64 *to) {
    int error = ready(handle, call);
    const char *value;
    if (error) return error;
    value = value_of(handle, key, suffix);
    if (!value) return NOT_SUPPORTED;
    *to = number(value);
    return SUCCESS;
}

static int give32(void *handle, const char *call, const char *key, int suffix, u32 *to) {
    u64 value = 0;
    int error = give(handle, call, key, suffix, &value);
    if (!error) *to = (u32)value;
    return error;
}

static int copy(const char *from, char *to, u32 length) {
    u32 at = 0;
    if (!from) return NOT_SUPPORTED;
    while (from[at] && at + 1 < length) {
        to[at] = from[at];
        at++;
    }
    to[at] = 0;
    return SUCCESS;
}

static int give_text(void *handle, const char *call, const char *key, char *to, u32 length) {
    int error = ready(handle, call);
    return error ? error : copy(value_of(handle, key, -1), to, length);
}

/* `gpm2 450`: in each round from now on, metric 2 works in 450 of 1000 cycles. */
static void work(void) {
    int device, instance, metric;
    struct Handle of;
    const char *share;
    for (device = 0; device < MOST_DEVICES; device++) {
        if (!devices[device].count) continue;
        for (instance = 0; instance <= MOST_INSTANCES; instance++) {
            of.device = device;
            of.instance = instance < MOST_INSTANCES ? instance : -1;
            if (instance < MOST_INSTANCES && !value_of(&of, "gpu_instance", -1)) continue;
            worked[device][instance].cycles[0] += 1000;
            for (metric = 1; metric < MOST_METRICS; metric++) {
                share = value_of(&of, "gpm", metric);
                if (share) worked[device][instance].cycles[metric] += (long long)number(share);
            }
        }
    }
}

/* The system. */

int nvmlInitWithFlags(u32 flags) {
    int error;
    (void)flags;
    load();
    error = fault(SYSTEM, "nvmlInit");
    initialized = !error;
    return error;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    initialized = 0;
    return SUCCESS;
}

const char *nvmlErrorString(int error) {
    (void)error;
    return "simulated error";
}

int nvmlSystemGetDriverVersion(char *to, u32 length) {
    int error = fault(SYSTEM, "nvmlSystemGetDriverVersion");
    return error ? error : copy(find(SYSTEM, "driver", "", -1), to, length);
}

int nvmlSystemGetCudaDriverVersion(int *to) {
    int error = fault(SYSTEM, "nvmlSystemGetCudaDriverVersion");
    const char *value = find(SYSTEM, "cuda", "", -1);
    if (error) return error;
    if (!value) return NOT_SUPPORTED;
    *to = (int)number(value);
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(u32 *to) {
    const char *value;
    int error;
    if (!initialized) return UNINITIALIZED;
    load();
    work();
    error = fault(SYSTEM, "nvmlDeviceGetCount");
    if (error) return error;
    value = find(SYSTEM, "devices", "", -1);
    *to = value ? (u32)number(value) : 0;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(u32 index, void **to) {
    if (!initialized) return UNINITIALIZED;
    if (index >= MOST_DEVICES) return INVALID_ARGUMENT;
    handles[index][MOST_INSTANCES].device = (int)index;
    handles[index][MOST_INSTANCES].instance = -1;
    *to = &handles[index][MOST_INSTANCES];
    return fault((int)index, "nvmlDeviceGetHandleByIndex");
}

/* What a device is. */

#define TEXT(function, key) \
    int function(void *handle, char *to, u32 length) { return give_text(handle, #function, key, to, length); }
#define NUMBER(function, key) \
    int function(void *handle, u32 *to) { return give32(handle, #function, key, -1, to); }
#define NUMBER64(function, key) \
    int function(void *handle, u64 *to) { return give(handle, #function, key, -1, to); }
#define SELECTED(function, key) \
    int function(void *handle, u32 which, u32 *to) { return give32(handle, #function, key, (int)which, to); }
#define PAIR(function, first, second) \
    int function(void *handle, u32 *to, u32 *and_to) { \
        int error = give32(handle, #function, first, -1, to); \
        return error ? error : give32(handle, #function, second, -1, and_to); \
    }
#define ENGINE(function, key) \
    int function(void *handle, u32 *to, u32 *period) { \
        *period = 167000; \
        return give32(handle, #function, key, -1, to); \
    }

TEXT(nvmlDeviceGetName, "name")
TEXT(nvmlDeviceGetUUID, "uuid")
TEXT(nvmlDeviceGetSerial, "serial")
TEXT(nvmlDeviceGetVbiosVersion, "vbios")
NUMBER(nvmlDeviceGetArchitecture, "architecture")

struct Pci {
    char legacy[16];
    u32 domain, bus, device, id, subsystem;
    char address[32];
};

int nvmlDeviceGetPciInfo_v3(void *handle, struct Pci *to) {
    return give_text(handle, "nvmlDeviceGetPciInfo", "pci", to->address, sizeof to->address);
}

int nvmlDeviceGetMigMode(void *handle, u32 *current, u32 *pending) {
    int error = give32(handle, "nvmlDeviceGetMigMode", "mig", -1, current);
    *pending = *current;
    if (!error) give32(handle, "nvmlDeviceGetMigMode", "mig_pending", -1, pending);
    return error;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, u32 *to) {
    int error = ready(handle, "nvmlDeviceGetMaxMigDeviceCount");
    *to = MOST_INSTANCES;
    return error;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, u32 index, void **to) {
    struct Handle *of = handle;
    int error = ready(handle, "nvmlDeviceGetMigDeviceHandleByIndex");
    if (error) return error;
    if (index >= MOST_INSTANCES) return INVALID_ARGUMENT;
    handles[of->device][index].device = of->device;
    handles[of->device][index].instance = (int)index;
    *to = &handles[of->device][index];
    return value_of(*to, "gpu_instance", -1) ? SUCCESS : NOT_FOUND;
}

NUMBER(nvmlDeviceGetGpuInstanceId, "gpu_instance")
NUMBER(nvmlDeviceGetComputeInstanceId, "compute_instance")

/* What it does. */

struct Memory {
    u64 total, free, used;
};

struct Memory2 {
    u32 version;
    u64 total, reserved, free, used;
};

int nvmlDeviceGetMemoryInfo(void *handle, struct Memory *to) {
    u64 reserved = 0;
    int error = give(handle, "nvmlDeviceGetMemoryInfo", "memory_total", -1, &to->total);
    if (!error) error = give(handle, "nvmlDeviceGetMemoryInfo", "memory_used", -1, &to->used);
    if (error) return error;
    give(handle, "nvmlDeviceGetMemoryInfo", "memory_reserved", -1, &reserved);
    to->free = to->total - to->used - reserved;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, struct Memory2 *to) {
    struct Memory whole;
    int error = give(handle, "nvmlDeviceGetMemoryInfo", "memory_reserved", -1, &to->reserved);
    if (!error) error = nvmlDeviceGetMemoryInfo(handle, &whole);
    if (error) return error;
    to->total = whole.total;
    to->free = whole.free;
    to->used = whole.used;
    return SUCCESS;
}

struct Utilization {
    u32 gpu, memory;
};

int nvmlDeviceGetUtilizationRates(void *handle, struct Utilization *to) {
    int error = give32(handle, "nvmlDeviceGetUtilizationRates", "utilization", -1, &to->gpu);
    if (error) return error;
    return give32(handle, "nvmlDeviceGetUtilizationRates", "memory_utilization", -1, &to->memory);
}

ENGINE(nvmlDeviceGetEncoderUtilization, "encoder")
ENGINE(nvmlDeviceGetDecoderUtilization, "decoder")
ENGINE(nvmlDeviceGetJpgUtilization, "jpeg")
ENGINE(nvmlDeviceGetOfaUtilization, "ofa")

struct Temperature {
    u32 version, sensor;
    int celsius;
};

int nvmlDeviceGetTemperatureV(void *handle, struct Temperature *to) {
    return give32(handle, "nvmlDeviceGetTemperatureV", "temperature", -1, (u32 *)&to->celsius);
}

int nvmlDeviceGetTemperature(void *handle, u32 sensor, u32 *to) {
    (void)sensor;
    return give32(handle, "nvmlDeviceGetTemperature", "temperature", -1, to);
}

struct Margin {
    u32 version;
    int celsius;
};

int nvmlDeviceGetMarginTemperature(void *handle, struct Margin *to) {
    return give32(handle, "nvmlDeviceGetMarginTemperature", "margin", -1, (u32 *)&to->celsius);
}

SELECTED(nvmlDeviceGetTemperatureThreshold, "threshold")
NUMBER(nvmlDeviceGetPowerUsage, "power")
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit")
NUMBER64(nvmlDeviceGetTotalEnergyConsumption, "energy")
NUMBER(nvmlDeviceGetPowerManagementLimit, "power_limit_set")
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, "power_limit_default")
PAIR(nvmlDeviceGetPowerManagementLimitConstraints, "power_limit_min", "power_limit_max")
PAIR(nvmlDeviceGetEccMode, "ecc_mode", "ecc_mode_pending")
PAIR(nvmlDeviceGetGspFirmwareMode, "gsp", "gsp_default")
PAIR(nvmlDeviceGetCudaComputeCapability, "capability_major", "capability_minor")
NUMBER(nvmlDeviceGetPersistenceMode, "persistence")
NUMBER(nvmlDeviceGetComputeMode, "compute_mode")
NUMBER(nvmlDeviceGetVirtualizationMode, "virtualization")
NUMBER(nvmlDeviceGetNumGpuCores, "cores")
NUMBER(nvmlDeviceGetMemoryBusWidth, "memory_bus_bits")
NUMBER(nvmlDeviceGetNumaNodeId, "numa_node")
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, "retired_pending")
TEXT(nvmlDeviceGetBoardPartNumber, "part_number")
NUMBER(nvmlDeviceGetC2cModeInfoV, "c2c")
SELECTED(nvmlDeviceGetNvLinkVersion, "link_version")
SELECTED(nvmlDeviceGetNvLinkRemoteDeviceType, "link_remote")

int nvmlDeviceGetGspFirmwareVersion(void *handle, char *to) {
    return give_text(handle, "nvmlDeviceGetGspFirmwareVersion", "gsp_firmware", to, 64);
}

int nvmlDeviceGetRowRemapperHistogram(void *handle, u32 *to) {
    int at, error = SUCCESS;
    for (at = 0; at < 5 && !error; at++) {
        error = give32(handle, "nvmlDeviceGetRowRemapperHistogram", "remap_banks", at, &to[at]);
    }
    return error;
}

int nvmlDeviceGetBAR1MemoryInfo(void *handle, struct Memory *to) {
    int error = give(handle, "nvmlDeviceGetBAR1MemoryInfo", "bar1_total", -1, &to->total);
    if (!error) error = give(handle, "nvmlDeviceGetBAR1MemoryInfo", "bar1_used", -1, &to->used);
    if (!error) to->free = to->total - to->used;
    return error;
}

int nvmlDeviceGetConfComputeProtectedMemoryUsage(void *handle, struct Memory *to) {
    const char *call = "nvmlDeviceGetConfComputeProtectedMemoryUsage";
    int error = give(handle, call, "protected_total", -1, &to->total);
    if (!error) error = give(handle, call, "protected_used", -1, &to->used);
    if (!error) to->free = to->total - to->used;
    return error;
}

struct Confidential {
    u32 environment, feature, tools;
};

static int of_system(const char *call, const char *key, u32 *to) {
    int error = initialized ? fault(SYSTEM, call) : UNINITIALIZED;
    const char *value = find(SYSTEM, key, "", -1);
    if (error) return error;
    if (!value) return NOT_SUPPORTED;
    *to = (u32)number(value);
    return SUCCESS;
}

int nvmlSystemGetConfComputeState(struct Confidential *to) {
    return of_system("nvmlSystemGetConfComputeState", "confidential", &to->feature);
}

int nvmlSystemGetConfComputeGpusReadyState(u32 *to) {
    return of_system("nvmlSystemGetConfComputeGpusReadyState", "confidential_ready", to);
}

struct Attributes {
    u32 multiprocessors, others[7];
    u64 megabytes;
};

int nvmlDeviceGetAttributes_v2(void *handle, struct Attributes *to) {
    return give32(handle, "nvmlDeviceGetAttributes_v2", "multiprocessors", -1, &to->multiprocessors);
}

struct Feature {
    u32 code, state;
    char licence[128], product[128];
    u32 enabled, expiry[7];
};

struct Features {
    int supported;
    u32 count;
    struct Feature features[3];
};

/* `licensed 1` or `licensed 0` is a virtual GPU; any other needs no licence. */
int nvmlDeviceGetGridLicensableFeatures_v4(void *handle, struct Features *to) {
    const char *call = "nvmlDeviceGetGridLicensableFeatures";
    int error = ready(handle, call);
    to->supported = value_of(handle, "licensed", -1) != 0;
    to->count = to->supported ? 1 : 0;
    if (error || !to->supported) return error;
    return give32(handle, call, "licensed", -1, &to->features[0].enabled);
}

SELECTED(nvmlDeviceGetClockInfo, "clock")
SELECTED(nvmlDeviceGetMaxClockInfo, "clock_max")
NUMBER(nvmlDeviceGetFanSpeed, "fan")
NUMBER(nvmlDeviceGetPerformanceState, "performance_state")
NUMBER64(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
NUMBER64(nvmlDeviceGetCurrentClocksThrottleReasons, "old_reasons")
NUMBER64(nvmlDeviceGetSupportedClocksEventReasons, "reasons_supported")
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation")
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width")
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation_max")
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max")
NUMBER(nvmlDeviceGetPcieReplayCounter, "pcie_replays")

/* Takes 20 ms of the GPU's own time, on a real one: nobody may call it every few seconds. */
int nvmlDeviceGetPcieThroughput(void *handle, u32 counter, u32 *to) {
    (void)counter;
    return give32(handle, "nvmlDeviceGetPcieThroughput", "pcie_throughput", -1, to);
}

struct Violation {
    u64 reference, nanoseconds;
};

int nvmlDeviceGetViolationStatus(void *handle, u32 policy, struct Violation *to) {
    return give(handle, "nvmlDeviceGetViolationStatus", "violation", (int)policy, &to->nanoseconds);
}

int nvmlDeviceGetTotalEccErrors(void *handle, u32 type, u32 counter, u64 *to) {
    /* ecc0: corrected volatile, ecc1: corrected aggregate, ecc2 and ecc3: uncorrected */
    return give(handle, "nvmlDeviceGetTotalEccErrors", "ecc", (int)(2 * type + counter), to);
}

int nvmlDeviceGetMemoryErrorCounter(void *handle, u32 type, u32 counter, u32 location, u64 *to) {
    /* ecc_at112: uncorrected, aggregate, in DRAM */
    int number = (int)(100 * type + 10 * counter + location);
    return give(handle, "nvmlDeviceGetMemoryErrorCounter", "ecc_at", number, to);
}

struct Sram {
    u32 version;
    u64 counts[11];
    u32 exceeded;
};

int nvmlDeviceGetSramEccErrorStatus(void *handle, struct Sram *to) {
    const char *call = "nvmlDeviceGetSramEccErrorStatus";
    int at, error = SUCCESS;
    if (to->version != (sizeof *to | 1u << 24)) return VERSION_MISMATCH;
    for (at = 0; at < 11 && !error; at++) error = give(handle, call, "sram", at, &to->counts[at]);
    return error ? error : give32(handle, call, "sram_exceeded", -1, &to->exceeded);
}

int nvmlDeviceGetRemappedRows(void *handle, u32 *corrected, u32 *uncorrected, u32 *pending, u32 *failed) {
    u32 *to[4];
    int at, error = SUCCESS;
    to[0] = corrected;
    to[1] = uncorrected;
    to[2] = pending;
    to[3] = failed;
    for (at = 0; at < 4 && !error; at++) error = give32(handle, "nvmlDeviceGetRemappedRows", "remapped", at, to[at]);
    return error;
}

int nvmlDeviceGetRetiredPages(void *handle, u32 cause, u32 *count, u64 *pages) {
    u32 found = 0, at;
    int error = give32(handle, "nvmlDeviceGetRetiredPages", "retired", (int)cause, &found);
    if (error) return error;
    if (*count < found) {
        *count = found;
        return INSUFFICIENT_SIZE;
    }
    *count = found;
    for (at = 0; pages && at < found; at++) pages[at] = at * 4096u;
    return SUCCESS;
}

struct Field {
    u32 id, scope;
    long long timestamp, latency;
    u32 type, error;
    u64 value;
};

/* `field82 40`; `field220.3 7` is field 220 in scope 3, as that of a link; scope 0 and that of all links are told by the number alone. */
static const char *field(void *handle, u32 id, u32 scope) {
    char key[] = "field000.";
    if (!scope || scope == 0xffffffffu) return value_of(handle, "field", (int)id);
    key[5] = (char)('0' + id / 100 % 10);
    key[6] = (char)('0' + id / 10 % 10);
    key[7] = (char)('0' + id % 10);
    return value_of(handle, key, (int)scope);
}

/* `field_error82 15` is this field's own error. */
int nvmlDeviceGetFieldValues(void *handle, int count, struct Field *fields) {
    int at, error = ready(handle, "nvmlDeviceGetFieldValues");
    const char *value, *failing;
    u32 id;
    if (error) return error;
    for (at = 0; at < count; at++) {
        id = fields[at].id;
        value = field(handle, id, fields[at].scope);
        failing = value_of(handle, "field_error", (int)id);
        fields[at].error = failing ? (u32)number(failing) : value ? SUCCESS : NOT_SUPPORTED;
        fields[at].type = id >= 193 && id <= 196 ? 5 : 3; /* int, unsigned long long */
        fields[at].value = value ? number(value) : 0;
    }
    return SUCCESS;
}

struct Process {
    u32 pid;
    u64 used;
    u32 gpu_instance, compute_instance;
};

/* `compute 1234:1048576 77:2048:1:0`: pid, bytes, GPU instance, compute instance. `growing 2`: the first two times in a round that the list is
 * read, it has become longer than there is room for. `private 1`: the whole GPU's lists are for the privileged. */
static int processes(void *handle, const char *call, const char *key, u32 *count, struct Process *to) {
    int error = ready(handle, call);
    const char *at;
    struct Process one;
    u32 found = 0, room = *count;
    if (error) return error;
    if (value_of(handle, "private", -1)) return NO_PERMISSION;
    at = value_of(handle, key, -1);
    if (!at) return NOT_SUPPORTED;
    if (to && value_of(handle, "growing", -1) && grown < number(value_of(handle, "growing", -1))) {
        grown++;
        *count = room + 1;
        return INSUFFICIENT_SIZE;
    }
    while (*at) {
        one.pid = (u32)number_at(&at);
        one.used = (u64)0 - 1;
        one.gpu_instance = one.compute_instance = 0xffffffffu;
        if (*at == ':') {
            at++;
            one.used = number_at(&at);
        }
        if (*at == ':') {
            at++;
            one.gpu_instance = (u32)number_at(&at);
        }
        if (*at == ':') {
            at++;
            one.compute_instance = (u32)number_at(&at);
        }
        if (to && found < room) to[found] = one;
        found++;
        while (*at == ' ') at++;
        if (*at && (*at < '0' || *at > '9')) break;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(function, key) \
    int function(void *handle, u32 *count, struct Process *to) { return processes(handle, #function, key, count, to); }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, "compute")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics")

/* `link3 1` is an active link, `link_errors31 7` says that link 3 had seven errors of type 1. Above the highest there is no such link. */
int nvmlDeviceGetNvLinkState(void *handle, u32 link, u32 *to) {
    int error = give32(handle, "nvmlDeviceGetNvLinkState", "link", (int)link, to);
    u32 above;
    if (error != NOT_SUPPORTED || !link) return error;
    for (above = link + 1; above < 36; above++) {
        if (value_of(handle, "link", (int)above)) return NOT_SUPPORTED;
    }
    for (above = 0; above < link; above++) {
        if (value_of(handle, "link", (int)above)) return INVALID_ARGUMENT;
    }
    return NOT_SUPPORTED;
}

int nvmlDeviceGetNvLinkErrorCounter(void *handle, u32 link, u32 counter, u64 *to) {
    return give(handle, "nvmlDeviceGetNvLinkErrorCounter", "link_errors", (int)(link * 10 + counter), to);
}

struct Fabric {
    unsigned char cluster[16];
    u32 status, clique;
    u32 state;
};

int nvmlDeviceGetGpuFabricInfo(void *handle, struct Fabric *to) {
    u32 state = 0;
    int error = give32(handle, "nvmlDeviceGetGpuFabricInfo", "fabric", -1, &state);
    to->state = state;
    return error;
}

struct Fabric2 {
    u32 version;
    unsigned char cluster[16];
    u32 status, clique, state, health;
};

/* What a driver from 535 on tells besides. */
int nvmlDeviceGetGpuFabricInfoV(void *handle, struct Fabric2 *to) {
    const char *call = "nvmlDeviceGetGpuFabricInfoV";
    int error;
    if (to->version != (sizeof *to | 2u << 24)) return VERSION_MISMATCH;
    error = give32(handle, call, "fabric_health", -1, &to->health);
    if (!error) error = give32(handle, call, "fabric", -1, &to->state);
    if (!error) error = give32(handle, call, "fabric_clique", -1, &to->clique);
    to->cluster[0] = 0xab;
    return error;
}

struct Sample {
    u64 stamp, value;
};

/* `samples0 1000:626000 2000:640000`: microseconds and value of each sample of kind 0. */
int nvmlDeviceGetSamples(void *handle, u32 kind, u64 last, u32 *type, u32 *count, struct Sample *to) {
    int error = ready(handle, "nvmlDeviceGetSamples");
    const char *at;
    struct Sample one;
    u32 found = 0;
    if (error) return error;
    at = value_of(handle, "samples", (int)kind);
    if (!at) return NOT_SUPPORTED;
    *type = 1; /* unsigned int */
    if (!to) {
        *count = 128;
        return SUCCESS;
    }
    while (*at >= '0' && *at <= '9') {
        one.stamp = number_at(&at);
        if (*at == ':') at++;
        one.value = number_at(&at);
        if (one.stamp > last && found < *count) to[found++] = one;
        while (*at == ' ') at++;
    }
    *count = found;
    return found ? SUCCESS : NOT_FOUND;
}

struct Support {
    u32 version, supported;
};

int nvmlGpmQueryDeviceSupport(void *handle, struct Support *to) {
    int error = ready(handle, "nvmlGpmQueryDeviceSupport");
    to->supported = value_of(handle, "gpm", 2) != 0;
    return error;
}

int nvmlGpmSampleAlloc(void **to) {
    int at;
    if (!initialized) return UNINITIALIZED;
    for (at = 0; at < MOST_SAMPLES; at++) {
        if (samples[at].used) continue;
        samples[at].used = 1;
        *to = &samples[at];
        return SUCCESS;
    }
    return OUT_OF_MEMORY;
}

int nvmlGpmSampleFree(void *sample) {
    struct Gpm *of = sample;
    if (!of || !of->used) return INVALID_ARGUMENT;
    of->used = 0;
    return SUCCESS;
}

static int sampled(struct Gpm *from, struct Gpm *to) {
    int metric;
    if (!to || !to->used) return INVALID_ARGUMENT;
    for (metric = 0; metric < MOST_METRICS; metric++) to->cycles[metric] = from->cycles[metric];
    return SUCCESS;
}

int nvmlGpmSampleGet(void *handle, void *to) {
    struct Handle *of = handle;
    int error = ready(handle, "nvmlGpmSampleGet");
    return error ? error : sampled(&worked[of->device][MOST_INSTANCES], to);
}

int nvmlGpmMigSampleGet(void *handle, u32 gpu_instance, void *to) {
    struct Handle one;
    const char *known;
    int error = ready(handle, "nvmlGpmMigSampleGet");
    if (error) return error;
    one.device = ((struct Handle *)handle)->device;
    for (one.instance = 0; one.instance < MOST_INSTANCES; one.instance++) {
        known = value_of(&one, "gpu_instance", -1);
        if (known && number(known) == gpu_instance) return sampled(&worked[one.device][one.instance], to);
    }
    return INVALID_ARGUMENT;
}

struct Metric {
    u32 id, error;
    double value;
    const char *names[3];
};

struct Metrics {
    u32 version, count;
    struct Gpm *before, *now;
    struct Metric metrics[1]; /* there are more */
};

/* More than all cycles, as `gpm2 5000` says, is what real counters give that began anew; less than none is not a number. */
int nvmlGpmMetricsGet(struct Metrics *to) {
    long long all, active;
    double nothing = 0.0;
    u32 at, id;
    if (!initialized) return UNINITIALIZED;
    if (to->version != 1) return INVALID_ARGUMENT;
    if (!to->before || !to->now || !to->before->used || !to->now->used) return INVALID_ARGUMENT;
    all = to->now->cycles[0] - to->before->cycles[0];
    if (all <= 0) return INVALID_ARGUMENT;
    for (at = 0; at < to->count; at++) {
        id = to->metrics[at].id;
        to->metrics[at].error = id < 1 || id >= MOST_METRICS ? NOT_SUPPORTED : SUCCESS;
        if (to->metrics[at].error) continue;
        active = to->now->cycles[id] - to->before->cycles[id];
        to->metrics[at].value = active < 0 ? nothing / nothing : 100.0 * (double)active / (double)all;
    }
    return SUCCESS;
}

struct Use {
    u32 pid;
    u64 stamp;
    u32 parts[4];
};

/* `process_use 1234:5000000:80:40:0:0`: pid, microseconds, and percent of SM, memory, encoder and decoder of each sample. */
int nvmlDeviceGetProcessUtilization(void *handle, struct Use *to, u32 *count, u64 last) {
    int error = ready(handle, "nvmlDeviceGetProcessUtilization"), part;
    const char *at;
    struct Use one;
    u32 found = 0;
    if (error) return error;
    at = value_of(handle, "process_use", -1);
    if (!at) return NOT_SUPPORTED;
    while (*at >= '0' && *at <= '9') {
        one.pid = (u32)number_at(&at);
        one.stamp = 0;
        if (*at == ':') {
            at++;
            one.stamp = number_at(&at);
        }
        for (part = 0; part < 4; part++) {
            one.parts[part] = 0;
            if (*at != ':') continue;
            at++;
            one.parts[part] = (u32)number_at(&at);
        }
        if (one.stamp > last) {
            if (to && found < *count) to[found] = one;
            found++;
        }
        while (*at == ' ') at++;
    }
    if (!found) return NOT_FOUND;
    if (!to || found > *count) {
        *count = found;
        return INSUFFICIENT_SIZE;
    }
    *count = found;
    return SUCCESS;
}

/* Events. */

struct Event {
    void *device;
    u64 type, data;
    u32 gpu_instance, compute_instance;
};

enum { XID_CRITICAL_ERROR = 8 };

static int event_sets;
static int given[MOST_DEVICES]; /* events of each device that were given, or were there before it was registered; -1: not registered */

int nvmlEventSetCreate(void **to) {
    int error = fault(SYSTEM, "nvmlEventSetCreate"), device;
    if (!initialized) return UNINITIALIZED;
    if (error) return error;
    for (device = 0; device < MOST_DEVICES; device++) given[device] = -1;
    *to = &event_sets;
    return SUCCESS;
}

int nvmlEventSetFree(void *set) { return set ? SUCCESS : INVALID_ARGUMENT; }

int nvmlDeviceRegisterEvents(void *handle, u64 types, void *set) {
    int error = ready(handle, "nvmlDeviceRegisterEvents"), device;
    if (error) return error;
    if (!set || types != XID_CRITICAL_ERROR) return INVALID_ARGUMENT;
    device = ((struct Handle *)handle)->device;
    given[device] = 0;
    while (find(device, "xid", "", given[device] + 1)) given[device]++;
    return SUCCESS;
}

int nvmlEventSetWait_v2(void *set, struct Event *to, u32 milliseconds) {
    int device, error;
    const char *value;
    if (!initialized) return UNINITIALIZED;
    if (!set || milliseconds) return INVALID_ARGUMENT;
    load();
    error = fault(SYSTEM, "nvmlEventSetWait_v2");
    if (error) return error;
    for (device = 0; device < MOST_DEVICES; device++) {
        if (given[device] < 0) continue;
        value = find(device, "xid", "", given[device] + 1);
        if (!value) continue;
        given[device]++;
        to->device = &handles[device][MOST_INSTANCES];
        to->type = XID_CRITICAL_ERROR;
        to->data = number(value);
        to->gpu_instance = to->compute_instance = 0xffffffffu;
        return SUCCESS;
    }
    return TIMEOUT;
}
