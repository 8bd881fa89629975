/** Native histograms → exponential histograms, or histograms with explicit bounds: section 6 of the mapping. */
