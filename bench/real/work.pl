# Hashes of arrays, strings that grow, matches, sorting.
use strict; use warnings;
my ($turns, $seed, $sum) = ($ARGV[0], 17, 0);
sub draw { $seed = ($seed * 69069 + 1) % 4294967296; return ($seed >> 8) % $_[0]; }
for my $turn (1 .. $turns) {
    my (%places, $text);
    for my $i (1 .. 6000) {
        my $word = join '', map { chr(97 + draw(26)) } 1 .. 1 + draw(9);
        push @{$places{substr $word, 0, 2}}, {word => $word, at => $i};
        $text .= "$word ";
    }
    $sum += @{$places{$_}} * length for sort keys %places;
    $sum += length for split / /, $text;
    $sum++ while $text =~ /\b[aeiou]\w+/g;
}
print "$sum\n";
