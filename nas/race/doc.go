// Package race tells early that a candidate of a search will not be among its best.
//
// Candidates are measured on the batches of the guiding split in one order, drawn
// without replacement, so that the batches seen so far are a simple random sample of
// all of them. At a few looks it is estimated what the candidate will score on all of
// them: its AP on those seen, less what the best so far have on these, plus what they
// have on all, which is known (the difference estimator of survey sampling, Cochran,
// Sampling Techniques, 3rd ed. 1977, chapter 7). All have seen the same images, so
// that what makes an image hard for all drops out, as in the blocking of Hoeffding
// races (Maron and Moore 1994) and of F-Race (Birattari et al. 2002). The mean of
// several leaves less of what is peculiar to one of them than any single one does.
//
// AP is no mean over images, so the estimate's spread is taken by the jackknife
// (Quenouille 1956, Tukey 1958; with groups left out, Wolter, Introduction to Variance
// Estimation, 2nd ed. 2007, chapter 4): the difference is taken anew with each group of
// batches left out. As the sample is a good part of all there is, the variance is times
// the part that is left (the finite-population correction, Cochran, section 2.6). The
// candidate is stopped where a one-sided bound by Student's t lies below the score of
// the worst of the best. The confidence is that of one look; a candidate that is looked
// at several times, and scores just what the worst of the best does, is stopped more
// often than that.
package race
