static MAYBE void caught(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (signal == SIGALRM)
		guarded = 1;
	else if (signal == SIGPIPE || signal == SIGXFSZ)
		raised = signal;
#ifdef TOUCHES
	if (armed) {
		armed = 0;
		cause = *info;
		DIE(signal);
		siglongjmp(back, 1);
	}
#else
	(void)info;
#endif
	if (signal != SIGALRM && signal != SIGPIPE && signal != SIGXFSZ) {
		struct sigaction fatal = { .sa_handler = SIG_DFL };
		sigaction(signal, &fatal, NULL);
	}
}

/* A call that waits for longer than a second is blocked. */
static MAYBE void catch_all(void)
{
	static const int all[] = { SIGSEGV, SIGBUS, SIGILL, SIGPIPE, SIGXFSZ, SIGALRM };
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sigaction(all[i], &action, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
}
