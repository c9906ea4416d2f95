/* Touching memory that may fault, and going on afterwards. Leaving a signal handler for a point
 * before the fault needs sigsetjmp, which Rust cannot call; everything else is in Rust. */

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What a child runs lies together: each stretch of code that it touches costs a page fault. */
#if defined(__linux__)
#define HOT __attribute__((section(".text.hot.child")))
#else
#define HOT
#endif

struct mmapcheck_fault {
	int32_t signal;
	int32_t code;
	uint64_t addr;    /* si_addr */
	uint64_t touched; /* the byte that was being touched */
};

static __thread struct {
	sigjmp_buf env;
	struct mmapcheck_fault fault;
	volatile uintptr_t at;
	volatile sig_atomic_t armed;
	volatile sig_atomic_t raised;  /* a signal that a system call raised */
	volatile sig_atomic_t guarded; /* the guard's signal came */
} self;

static void caught(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (signal == SIGALRM)
		self.guarded = 1;
	else if (signal == SIGPIPE || signal == SIGXFSZ)
		self.raised = signal;

	if (self.armed) {
		self.armed = 0;
		self.fault.signal = signal;
		self.fault.code = info->si_code;
		self.fault.addr = (uintptr_t)info->si_addr;
		siglongjmp(self.env, 1);
	}
	if (signal != SIGALRM && signal != SIGPIPE && signal != SIGXFSZ) {
		/* Nobody was touching anything: the harness itself is broken, or its machine is.
		 * Not left to the fault to happen again: if it did not, this process and all that
		 * it forks would go on with nothing to catch a fault. */
		struct sigaction fatal = {0};
		fatal.sa_handler = SIG_DFL;
		sigaction(signal, &fatal, NULL);
		raise(signal);
	}
}

/* Installs the handler for one signal. The mask is never changed by a delivery, so that leaving
 * the handler by a jump leaves nothing to be restored. */
int mmapcheck_catch(int signal)
{
	struct sigaction action = {0};
	action.sa_sigaction = caught;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	return sigaction(signal, &action, NULL);
}

static pid_t parents[2];

static void look_at_parent(int signal)
{
	(void)signal;
	pid_t parent = getppid();

	if (parent != parents[0] && parent != parents[1])
		_exit(0);
}

/* Ends the process once its parent is neither of these. The kernel sends the signal when the
 * thread that forked it ends, and again when whoever inherited it does. */
void mmapcheck_die_with(pid_t parent, pid_t worker)
{
	struct sigaction action = {0};
	action.sa_handler = look_at_parent;
	action.sa_flags = SA_RESTART | SA_ONSTACK;
	sigemptyset(&action.sa_mask);
	parents[0] = parent;
	parents[1] = worker;
	sigaction(SIGRTMAX, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGRTMAX, 0, 0, 0);
	look_at_parent(SIGRTMAX);
}

/* The signal that a system call raised since the last question, or 0. */
HOT int mmapcheck_raised(void)
{
	int raised = self.raised;
	self.raised = 0;
	return raised;
}

/* Whether the guard's signal came since the last question. */
HOT int mmapcheck_guarded(void)
{
	int guarded = self.guarded;
	self.guarded = 0;
	return guarded;
}

/* Restartable sequences: after each fork and each switch the kernel writes into the C library's
 * record of its thread, which costs parent and child a copied page for every fork. Nothing here
 * uses them. The library tells where its record lies; the signature is its own for each
 * architecture (sysdeps/unix/sysv/linux/ARCH/bits/rseq.h). Without that knowledge it stays. */
#if defined(__GLIBC__) && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <sys/syscall.h>

#define RSEQ_RECORD 32
#define RSEQ_LEAVE 1

extern const ptrdiff_t __rseq_offset __attribute__((weak));

void mmapcheck_leave_rseq(void)
{
	char *thread;

	if (!&__rseq_offset)
		return;
#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(thread));
	syscall(SYS_rseq, thread + __rseq_offset, RSEQ_RECORD, RSEQ_LEAVE, 0x53053053);
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(thread));
	syscall(SYS_rseq, thread + __rseq_offset, RSEQ_RECORD, RSEQ_LEAVE, 0xd428bc00);
#endif
}
#else
void mmapcheck_leave_rseq(void)
{
}
#endif

static int faulted(struct mmapcheck_fault *out)
{
	*out = self.fault;
	out->touched = self.at;
	return 1;
}

/* Each returns 0, or 1 with *out filled in if a signal came. */

HOT int mmapcheck_load(const volatile unsigned char *from, unsigned char *to, size_t n,
		   struct mmapcheck_fault *out)
{
	if (sigsetjmp(self.env, 0))
		return faulted(out);
	self.armed = 1;
	for (size_t i = 0; i < n; i++) {
		self.at = (uintptr_t)(from + i);
		to[i] = from[i];
	}
	self.armed = 0;
	return 0;
}

HOT int mmapcheck_store(volatile unsigned char *to, const unsigned char *from, size_t n,
		    struct mmapcheck_fault *out)
{
	if (sigsetjmp(self.env, 0))
		return faulted(out);
	self.armed = 1;
	for (size_t i = 0; i < n; i++) {
		self.at = (uintptr_t)(to + i);
		to[i] = from[i];
	}
	self.armed = 0;
	return 0;
}

HOT int mmapcheck_fill(volatile unsigned char *to, unsigned char byte, size_t n,
		   struct mmapcheck_fault *out)
{
	if (sigsetjmp(self.env, 0))
		return faulted(out);
	self.armed = 1;
	for (size_t i = 0; i < n; i++) {
		self.at = (uintptr_t)(to + i);
		to[i] = byte;
	}
	self.armed = 0;
	return 0;
}

HOT int mmapcheck_execute(uintptr_t at, int32_t *value, struct mmapcheck_fault *out)
{
	if (sigsetjmp(self.env, 0))
		return faulted(out);
	self.armed = 1;
	self.at = at;
	*value = ((int (*)(void))at)();
	self.armed = 0;
	return 0;
}

/* Code that was stored is seen by calls only after this, on some architectures. */
void mmapcheck_sync_code(char *from, size_t n)
{
	__builtin___clear_cache(from, from + n);
}
