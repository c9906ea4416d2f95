/* Memory is touched byte by byte; a signal is caught and told, and the case goes on. */
static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t armed;
static __thread volatile uintptr_t touched;
static __thread siginfo_t cause;
static unsigned char taken[1 << 20];

static MAYBE int load(uintptr_t at, size_t n)
{
	if (sigsetjmp(back, 0))
		return 1;
	armed = 1;
	for (size_t i = 0; i < n; i++) {
		touched = at + i;
		taken[i] = *(volatile unsigned char *)(at + i);
	}
	armed = 0;
	return 0;
}

static MAYBE int store(uintptr_t at, const unsigned char *from, int same, size_t n)
{
	if (sigsetjmp(back, 0))
		return 1;
	armed = 1;
	for (size_t i = 0; i < n; i++) {
		touched = at + i;
		*(volatile unsigned char *)(at + i) = from[same ? 0 : i];
	}
	armed = 0;
	return 0;
}

static MAYBE void tell_fault(const char *base, uintptr_t asked, long long offset)
{
	uintptr_t addr = (uintptr_t)cause.si_addr, page = touched & ~((uintptr_t)PAGE - 1);

	if (cause.si_signo == SIGALRM) {
		printf("blocked\n");
		return;
	}
	tell_signal(cause.si_signo);
	tell_code(cause.si_signo, cause.si_code);
	if (addr == touched || (addr && addr == page)) {
		printf(addr == touched ? "at " : "in page ");
		tell_place(base, (long long)(addr - asked) + offset);
	} else {
		printf(addr ? "elsewhere" : "nowhere");
	}
	printf("\n");
}
