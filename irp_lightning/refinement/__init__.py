"""Score the training images, judge them by a rule, prune, train on."""
