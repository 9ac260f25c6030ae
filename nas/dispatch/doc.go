// Package dispatch decides which worker measures which candidate of a search next.
//
// A search proposes one candidate after the other and is told one score after the
// other, and must not know how many measure for it: what it comes to depends on scores
// alone. A Queue has what the search stands before anyway, whatever the scores until
// then: the candidate whose turn it is and those that follow. It hands these out in
// their order, so far ahead that nobody idles where all are alike, and a candidate
// counts when its turn has come. Workers may be threads, processes or a simulation's;
// they may be of any speed, come late, and be lost: then what they were at is handed
// out again. It computes nothing, waits for nothing and looks at no clock.
//
// A worker that is slow keeps the search waiting once its candidate's turn has come.
// Another one that would idle may then measure the same candidate (a backup task, Dean
// and Ghemawat, MapReduce, OSDI 2004, section 3.6), and the first to be done counts.
// Scores have the same bits whoever computes them. For want of a clock, slow is who is
// at one candidate for longer than another one has needed for two.
package dispatch
