# Hashes of arrays, string building, regular expressions, sorting, closures.
use strict; use warnings;
my $seed = 7;
sub rnd { $seed = ($seed * 1103515245 + 12345) % 2147483648; return $seed % $_[0]; }
sub word { return join '', map { chr(97 + rnd(20)) } 1 .. 2 + rnd(12) }

for my $turn (1 .. 5) {
    my (%index, @lines);
    for my $i (1 .. 30000) {
        my $line = join ' ', map { word() } 1 .. 4;
        push @lines, $line;
        push @{$index{$_}}, $i for split / /, $line;
    }
    my $text = join "\n", @lines;
    my $vowels = () = $text =~ /[aeiou]{2,}/g;
    (my $upper = $text) =~ s/(\w+)/\u$1/g;
    my @sorted = sort { $a cmp $b } keys %index;
    my @closures = map { my $n = $_; sub { return $n * $_[0] } } 1 .. 20000;
    my $sum = 0;
    $sum += $_->(3) for @closures;
    print "$turn ", scalar(@sorted), " $sorted[0] $sorted[-1] $vowels ", length($upper), " $sum\n";
}
