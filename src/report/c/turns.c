/* The actors take turns: each does the steps that are its own, and then hands the turn on. */
static struct turn {
	sem_t go[ACTORS + 1];
	int step, gone[ACTORS], pid[ACTORS], end_for;
} *turn;

static MAYBE void do_step(int step);

static MAYBE void hand(int to)
{
	sem_post(&turn->go[to]);
}

static MAYBE void go_gone(int me)
{
	for (int i = 0; i < ACTORS; i++)
		if (process_of[i] == process_of[me])
			turn->gone[i] = 1;
}

/* Hands the turn to whoever is next; nobody acts for one that is gone. */
static MAYBE void next_turn(void)
{
	while (turn->step < STEPS && turn->gone[owner[turn->step]]) {
		printf("%s = not reached: %s\n", texts[turn->step], actors[owner[turn->step]]);
		turn->step++;
	}
	hand(turn->step < STEPS ? owner[turn->step] : ACTORS);
}

static MAYBE void wait_turn(int me)
{
	while (sem_wait(&turn->go[me]))
		;
	if (turn->end_for >= 0) {
		int back = turn->end_for;

		turn->end_for = -1;
		if (is_thread[me])
			turn->gone[me] = 1;
		else
			go_gone(me);
		hand(back);
		if (is_thread[me])
			pthread_exit(NULL);
		_exit(0);
	}
}

static MAYBE void act(int me)
{
	for (;;) {
		wait_turn(me);
		while (turn->step < STEPS && owner[turn->step] == me) {
			do_step(turn->step);
			turn->step++;
		}
		next_turn();
	}
}

static MAYBE void *act_as(void *me)
{
	act((int)(intptr_t)me);
	return NULL;
}

/* Leaves for good in the midst of a step. */
static MAYBE void leave(int me)
{
	go_gone(me);
	turn->step++;
	next_turn();
}

static MAYBE int fork_as(int actor)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		act(actor);
	}
	turn->pid[actor] = pid;
	return pid;
}

static MAYBE void tell_status(int status)
{
	if (WIFEXITED(status)) {
		printf("exit %d\n", WEXITSTATUS(status));
	} else {
		printf("killed ");
		tell_signal(WTERMSIG(status));
		printf("\n");
	}
}

static MAYBE void wait_for(int me, int actor)
{
	int status = 0;

	if (!turn->gone[actor]) {
		turn->end_for = me;
		hand(actor);
		while (sem_wait(&turn->go[me]))
			;
	}
	if (is_thread[actor])
		printf("ok\n");
	else if (waitpid(turn->pid[actor], &status, 0) < 0)
		tell_error();
	else
		tell_status(status);
}
