" Substitutions, undo, sort, folds of a big buffer, then a digest of what is left.
set nocompatible undolevels=1000
for i in range(10)
  silent %s/\<\(\w\)\(\w*\)\>/\2\1/g
  silent global/ab/move 0
  silent undo
  silent redo
  silent sort
  silent %s/ \+/ /ge
endfor
silent global/zz/delete
call writefile([sha256(join(getline(1, '$'), "\n")), line('$')], $WORK . '/result')
qall!
