# Perl's ithreads: each is an interpreter cloned; shared variables, queues, semaphores, cond_wait, detached ones; prints sums.
use strict;
use warnings;
use threads;
use threads::shared;
use Digest::SHA qw(sha256_hex);
use Thread::Queue;
use Thread::Semaphore;

my $count : shared = 0;
my $turn : shared = 0;
my %seen : shared;
my ($in, $out, $door) = (Thread::Queue->new, Thread::Queue->new, Thread::Semaphore->new(3));

my @workers = map {
    my $number = $_;
    threads->create(sub {
        for my $i (1 .. 50) { lock $count; $count++; threads->yield if $i % 10 == 0 }
        { lock $turn; cond_wait($turn) until $turn == $number; $turn++; cond_broadcast($turn); }
        $door->down; select undef, undef, undef, 0.001; $door->up;
        while (defined(my $job = $in->dequeue)) {
            my $text = join ',', map { $_ * $job % 1009 } 1 .. 3000;
            $out->enqueue("$job " . sha256_hex($text));
        }
        { lock %seen; $seen{$number} = threads->tid; }
        return $number * 2;
    });
} 0 .. 19;

$in->enqueue($_) for 1 .. 600;
$in->end;
my @results = sort map { $out->dequeue } 1 .. 600;
my $sum = 0;
$sum += $_->join for @workers;
print "$sum $count $turn ", scalar(keys %seen), " ", sha256_hex(join "\n", @results), "\n";

my $gone : shared = 0;
threads->create(sub { lock $gone; $gone++; cond_signal($gone) })->detach for 1 .. 10;
{ lock $gone; cond_wait($gone) while $gone < 10; }
print "detached $gone\n";

my $failing = threads->create(sub { local $SIG{__WARN__} = sub { }; die "in a thread\n" });
$failing->join;
print "error: ", $failing->error;
for my $round (1 .. 5) {
    my @short = map { threads->create(sub { return $_[0] ** 2 }, $_) } 1 .. 10;
    my $squares = 0;
    $squares += $_->join for @short;
    print "round $round: $squares\n";
}
